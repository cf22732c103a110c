package scp_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"
)

const (
	// regress is where Debian's package openssh-tests keeps OpenSSH's own tests.
	regress = "/usr/lib/openssh/regress"
	// serveEnv makes the test binary the far side of scp, for that folder.
	serveEnv = "QUAYMASTER_TEST_SCP"
)

// stdio is stdin and stdout as one stream.
type stdio struct {
	io.Reader
	io.WriteCloser
}

// serveStdio runs scp as a server's shell would start it: with arguments that
// are expanded already. The folder stands where it is in the host's tree, and
// nothing else is there.
func serveStdio(root string, args []string) int {
	err := func() error {
		home, err := osfs.Open(root, nil)
		if err != nil {
			return err
		}
		defer home.Close()
		fsys, err := vfs.Mount(nil, map[string]vfs.FS{strings.Trim(filepath.ToSlash(root), "/"): home})
		if err != nil {
			return err
		}
		line := "scp"
		for _, arg := range args {
			line += " '" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		opts := &sshd.PipeOptions{Command: line, Stderr: os.Stderr, Logger: slog.New(slog.DiscardHandler)}
		ctx := context.Background()
		s := sshd.NewSession(ctx, stdio{os.Stdin, os.Stdout}, &auth.Identity{User: "u", Home: auth.Home(fsys)}, opts)
		err = (&scp.Handler{}).ServeSSH(ctx, s)
		s.Close(err)
		return err
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestOpenSSHRegress runs OpenSSH's tests of scp with our far side. A wrapper
// stands in for the program scp: called with -t or -f it is ours, else
// OpenSSH's.
//
//   - scp runs both directions, trees, globs that match nothing, overwriting,
//     and bad servers, which are the script's own.
//   - scp-uri runs the same with scp:// addresses.
//   - scp3 copies between two servers, so that our source meets our sink. Its
//     servers are OpenSSH's sshd, which starts the wrapper.
//
// The second half of each, mode "sftp", runs no far side of scp and is left
// out. The part of scp that needs sudo skips itself. putty-transfer does not
// apply: it runs cat in a shell; TestPuTTY is for that program.
func TestOpenSSHRegress(t *testing.T) {
	if _, err := os.Stat(regress + "/scp.sh"); err != nil {
		peer.Missing(t, "OpenSSH's regression tests", "openssh-tests")
	}
	if testing.Short() {
		t.Skip("takes a while")
	}
	program := peer.Need(t, "scp", "openssh-client")
	for _, name := range []string{"scp", "scp-uri", "scp3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sshd := "true" // the frame checks a configuration, and nothing starts it
			if name == "scp3" {
				sshd = needSSHD(t)
			}
			runRegress(t, program, peer.Need(t, sshd, "openssh-server"), name)
		})
	}
}

// needSSHD returns OpenSSH's server, which is in no user's PATH.
func needSSHD(t *testing.T) string {
	t.Helper()
	const sshd = "/usr/sbin/sshd"
	if os.Getuid() != 0 {
		t.Skip("OpenSSH's sshd -i wants a directory that only root can make")
	}
	peer.Need(t, sshd, "openssh-server")
	require.NoError(t, os.MkdirAll("/run/sshd", 0o755)) // a service manager would
	return sshd
}

func runRegress(t *testing.T, program, sshd, name string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir()) // the tests write beside themselves
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(dir, os.DirFS(regress)))
	// CopyFS keeps the modes, and the package's files are read-only.
	run(t, peer.Need(t, "chmod", "coreutils"), "-R", "u+w", dir)
	script := filepath.Join(dir, name+".sh")
	text, err := os.ReadFile(script)
	require.NoError(t, err)
	const modes = "for mode in scp sftp ;"
	require.Contains(t, string(text), modes)
	text = []byte(strings.Replace(string(text), modes, "for mode in scp ;", 1))
	require.NoError(t, os.WriteFile(script, text, 0o644))

	ours, err := os.Executable()
	require.NoError(t, err)
	wrapper := filepath.Join(dir, "bin", "scp")
	require.NoError(t, os.Mkdir(filepath.Dir(wrapper), 0o755))
	far := fmt.Sprintf("#!/bin/sh\nfor a; do case \"$a\" in\n-t|-f) echo \"$@\" >>'%s/far.log'; %s='%s' exec '%s' \"$@\";;\n-*) ;;\n*) break;;\nesac; done\nexec '%s' \"$@\"\n",
		dir, serveEnv, dir, ours, program)
	require.NoError(t, os.WriteFile(wrapper, []byte(far), 0o755))

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", filepath.Join(dir, "test-exec.sh"), dir, script)
	cmd.Dir, cmd.WaitDelay = dir, 10*time.Second
	cmd.Env = append(os.Environ(),
		"TEST_SHELL=sh", "TEST_SSH_SCP="+wrapper, "TEST_SSH_SSH=ssh", "TEST_SSH_SSHD="+sshd,
		"TEST_SSH_SSHAGENT=ssh-agent", "TEST_SSH_SSHADD=ssh-add", "TEST_SSH_SSHKEYGEN=ssh-keygen",
		"TEST_SSH_UNSAFE_PERMISSIONS=1", "OBJ="+dir, "BUILDDIR="+dir, "LC_ALL=C",
	)
	out, err := cmd.CombinedOutput()
	ok := false
	for line := range strings.Lines(string(out)) {
		ok = ok || strings.HasPrefix(line, "ok ")
	}
	if err != nil || !ok {
		t.Errorf("%v\n%s", err, out)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "far.log"))
	require.NoError(t, err, "our side was never called")
	if least := map[string]int{"scp": 14, "scp-uri": 6, "scp3": 6}[name]; strings.Count(string(calls), "\n") < least {
		t.Errorf("our side was called %d times, not %d", strings.Count(string(calls), "\n"), least)
	}
}
