package command

import (
	"fmt"
	"math"
	"strings"

	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
)

// rcloneProbe is what rclone runs to find out what kind of shell there is. It
// is known by its text alone and nothing in it is expanded: PowerShell would
// answer with the first part, Windows' cmd with the second one, and a POSIX
// shell, for which rclone then takes us, with rcloneAnswer.
const (
	rcloneProbe  = "echo ${ShellId}%ComSpec%"
	rcloneAnswer = "%ComSpec%\n"
)

func (j *job) answerProbe() error {
	_, err := j.sess.Write([]byte(rcloneAnswer))
	return err
}

// echo repeats words that are there to be read, not to be expanded.
func echo(j *job) error {
	if _, bad := j.options(""); bad != "" { // their meaning differs from shell to shell
		return j.usage(bad)
	}
	list := make([]string, len(j.args))
	for i, arg := range j.args {
		if arg.Pattern != "" {
			return j.usage(arg.Text)
		}
		list[i] = arg.Text
	}
	_, err := fmt.Fprintln(j.out, strings.Join(list, " "))
	return err
}

// pwd prints the directory in which every command begins.
func pwd(j *job) error {
	if _, bad := j.options("LP"); bad != "" {
		return j.usage(bad)
	}
	_, err := fmt.Fprintln(j.out, vfs.Wire(j.cwd))
	return err
}

// succeed is true(1), which takes any arguments.
func succeed(*job) error { return nil }

// cd tells whether its argument is a directory. There is no next command that
// could begin there.
func cd(j *job) error {
	if _, bad := j.options("LP"); bad != "" {
		return j.usage(bad)
	}
	paths, err := j.paths()
	switch {
	case err != nil:
		return err
	case len(paths) > 1:
		return j.usage(paths[1])
	case len(paths) == 0:
		return nil
	}
	name, err := vfs.Clean(j.cwd, paths[0])
	if err != nil {
		j.fail(paths[0], err)
		return nil
	}
	info, err := j.fsys.Stat(j.ctx, name)
	if err == nil && !info.IsDir() {
		err = vfs.ErrNotDir
	}
	if err != nil {
		j.fail(paths[0], err)
	}
	return nil
}

// df prints the space of the stores that hold its arguments, as "df -kP" of
// POSIX does. The name of a store and the path where it is mounted are the
// host's business.
func df(j *job) error {
	if _, bad := j.options("kP"); bad != "" {
		return j.usage(bad)
	}
	if len(j.args) == 0 {
		j.args = []sshd.Word{{Text: "."}}
	}
	paths, err := j.paths()
	if err != nil {
		return err
	}
	head := "Filesystem     1024-blocks      Used Available Capacity Mounted on\n"
	for _, p := range paths {
		name, err := vfs.Clean(j.cwd, p)
		if err != nil {
			j.fail(p, err)
			continue
		}
		sp, err := vfs.SpaceOf(j.ctx, j.fsys, name)
		if err != nil {
			j.fail(p, err)
			continue
		}
		if _, err := j.out.WriteString(head + spaceLine(sp)); err != nil {
			return err
		}
		head = ""
	}
	return nil
}

// spaceLine counts in KiB and rounds the share of what is used up, as df does.
func spaceLine(sp *vfs.Space) string {
	kib := func(fragments uint64) uint64 {
		// In this order nothing overflows.
		return fragments/1024*sp.FragmentSize + fragments%1024*sp.FragmentSize/1024
	}
	total, available := kib(sp.Total), kib(sp.Available)
	used := total - min(kib(sp.Free), total)
	share := "-"
	if all := used + available; all > 0 {
		share = fmt.Sprintf("%.0f%%", math.Ceil(float64(used)/float64(all)*100))
	}
	return fmt.Sprintf("-              %11d %9d %9d %8s /\n", total, used, available, share)
}
