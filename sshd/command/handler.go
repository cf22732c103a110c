package command

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
)

// Handler runs the command that the first word of the command line names; put
// it into sshd.Server.Commands under each name that clients may use. The zero
// value is ready. Its fields must not change once it is in use; it serves any
// number of channels at the same time.
type Handler struct {
	// StartDir is the directory in which every command begins, as a name for
	// vfs; empty means the root. It should be the one of sftp.Handler.
	StartDir string
}

var _ sshd.Handler = (*Handler)(nil)

// Names returns the names of all commands, sorted.
func Names() []string { return slices.Sorted(maps.Keys(programs())) }

// All returns a handler for each of Names.
func All() map[string]sshd.Handler {
	h := &Handler{}
	all := make(map[string]sshd.Handler)
	for _, name := range Names() {
		all[name] = h
	}
	return all
}

// Named returns the handler for one command, or an error when name is none of
// Names.
func Named(name string) (sshd.Handler, error) {
	if _, ok := programs()[name]; !ok {
		return nil, fmt.Errorf("command: no command %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return &Handler{}, nil
}

// Exit statuses, as shells and POSIX utilities use them.
const (
	exitFailed   = 1
	exitNotFound = 127
)

// program is what one name runs.
type program func(j *job) error

func programs() map[string]program {
	all := map[string]program{"cd": cd, "df": df, "echo": echo, "pwd": pwd, "true": succeed}
	for name, sum := range sums() {
		all[name] = sum.run
	}
	return all
}

// job is one run of a program.
type job struct {
	ctx    context.Context
	sess   *sshd.Session
	fsys   vfs.FS
	cwd    string // where relative paths begin
	name   string
	args   []sshd.Word
	out    *bufio.Writer
	failed error // the first thing that did not work
}

// ServeSSH runs one command line. Its exit status is 127 for one that only a
// shell could run, of which nothing is run, and 1 for one that failed.
func (h *Handler) ServeSSH(ctx context.Context, s *sshd.Session) error {
	j := &job{ctx: ctx, sess: s, cwd: cmp.Or(h.StartDir, "."), out: bufio.NewWriter(s)}
	if s.Command() == rcloneProbe {
		return j.answerProbe()
	}
	words, err := s.Args()
	if err == nil && len(words) == 0 {
		err = fmt.Errorf("no command")
	}
	if err != nil {
		j.complain("%v", err)
		return &sshd.ExitError{Code: exitNotFound, Err: err}
	}
	j.name, j.args = words[0].Text, words[1:]
	run, ok := programs()[j.name]
	if !ok {
		j.complain("%s: command not found", j.name)
		return &sshd.ExitError{Code: exitNotFound, Err: fmt.Errorf("command: no %q", j.name)}
	}
	if j.fsys, err = s.FS(ctx); err != nil {
		// Clients show this; why it is so is for the log.
		j.complain("Your folder is not available.")
		return err
	}
	if err := run(j); err != nil {
		return err
	}
	if err := j.out.Flush(); err != nil {
		return err
	}
	if j.failed != nil {
		return &sshd.ExitError{Code: exitFailed, Err: j.failed}
	}
	return nil
}

// complain writes a line to the error stream. Whether it arrives makes no
// difference to what follows.
func (j *job) complain(format string, args ...any) {
	_, _ = io.WriteString(j.sess.Stderr(), sshd.Printable(fmt.Sprintf(format, args...))+"\n")
}

// fail tells that one argument did not work, and goes on.
func (j *job) fail(arg string, err error) {
	text, known := sshd.ErrorText(err)
	if !known {
		j.sess.Logger().Error("command failed", "path", arg, "error", err)
	}
	if j.failed == nil {
		j.failed = err
	}
	j.complain("%s: %s: %s", j.name, arg, text)
}

// usage ends a program that was called in a form that is not served.
func (j *job) usage(arg string) error {
	j.complain("%s: not served in this form: %s", j.name, arg)
	return &sshd.ExitError{Code: exitFailed, Err: fmt.Errorf("command: %s with %q", j.name, arg)}
}

// options takes the leading arguments that begin with "-" and are made of
// allowed only. The first one that is not is returned as bad.
func (j *job) options(allowed string) (given, bad string) {
	for len(j.args) > 0 {
		arg := j.args[0].Text
		if len(arg) < 2 || arg[0] != '-' {
			return given, ""
		}
		j.args = j.args[1:]
		if arg == "--" {
			return given, ""
		}
		if strings.Trim(arg[1:], allowed) != "" {
			return given, arg
		}
		given += arg[1:]
	}
	return given, ""
}

// paths returns the arguments as a shell would expand them.
func (j *job) paths() ([]string, error) {
	var all []string
	for _, arg := range j.args {
		paths, err := arg.Glob(j.ctx, j.fsys, j.cwd)
		if err != nil {
			j.fail(arg.Text, err)
			return nil, &sshd.ExitError{Code: exitFailed, Err: err}
		}
		all = append(all, paths...)
	}
	return all, nil
}
