package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// regress is where Debian's package openssh-tests keeps OpenSSH's own tests.
const regress = "/usr/lib/openssh/regress"

// TestOpenSSHRegress runs OpenSSH's tests of its sftp-server against ours.
func TestOpenSSHRegress(t *testing.T) {
	if err := regressInstalled(); err != nil {
		if os.Getenv("QUAYMASTER_INTEROP") == "require" {
			t.Fatal(err)
		}
		t.Skipf("OpenSSH's regression tests (package openssh-tests): %v", err)
	}
	if testing.Short() {
		t.Skip("takes a while")
	}
	server := buildServer(t)
	for _, name := range []string{"sftp", "sftp-cmds", "sftp-badcmds", "sftp-batch", "sftp-glob", "sftp-perm"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runRegress(t, server, name)
		})
	}
}

// regressInstalled says what is missing.
func regressInstalled() error {
	if _, err := os.Stat(regress + "/test-exec.sh"); err != nil {
		return err
	}
	for _, name := range []string{"sh", "true", "chmod", "ssh", "sftp", "ssh-keygen", "ssh-agent", "ssh-add"} {
		if _, err := exec.LookPath(name); err != nil {
			return err
		}
	}
	return nil
}

// buildServer returns a program without arguments, as the tests want it, that
// is our sftp-server.
func buildServer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "mft")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	wrapper := filepath.Join(dir, "sftp-server")
	script := "#!/bin/sh\nexec '" + program + "' sftp-server \"$@\"\n"
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return wrapper
}

func runRegress(t *testing.T, server, name string) {
	dir := t.TempDir() // the tests write beside themselves
	if err := os.CopyFS(dir, os.DirFS(regress)); err != nil {
		t.Fatal(err)
	}
	// CopyFS keeps the modes, and the package's files are read-only.
	if out, err := exec.Command("chmod", "-R", "u+w", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// The frame checks a configuration of sshd, which these tests don't start.
	noSSHD, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", filepath.Join(dir, "test-exec.sh"), dir, filepath.Join(dir, name+".sh"))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"TEST_SHELL=sh", "TEST_SSH_SFTPSERVER="+server, "TEST_SSH_SSH=ssh", "TEST_SSH_SSHD="+noSSHD,
		"TEST_SSH_SSHAGENT=ssh-agent", "TEST_SSH_SSHADD=ssh-add", "TEST_SSH_SSHKEYGEN=ssh-keygen", "TEST_SSH_SFTP=sftp",
		"TEST_SSH_UNSAFE_PERMISSIONS=1", "OBJ="+dir, "BUILDDIR="+dir, "LC_ALL=C",
	)
	out, err := cmd.CombinedOutput()
	ok := false
	for line := range strings.Lines(string(out)) {
		ok = ok || strings.HasPrefix(line, "ok ")
	}
	if err != nil || !ok {
		log, _ := os.ReadFile(filepath.Join(dir, "sftp.log")) // only some tests write it
		t.Errorf("%v\n%s\n%s", err, out, log)
	}
}
