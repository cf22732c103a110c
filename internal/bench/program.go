package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// program is one that was installed, or unpacked with its libraries below a
// directory.
type program struct {
	path string
	tree string // "" when installed
}

// findProgram looks also where programs are for root only, and then below tree,
// if that is not empty. The Debian package is for the error.
func findProgram(name, debian, tree string) (program, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err == nil {
		return program{path: path}, nil
	}
	if tree != "" {
		for _, dir := range []string{"usr/sbin", "usr/bin"} {
			if path, inside := exec.LookPath(filepath.Join(tree, dir, name)); inside == nil {
				return program{path, tree}, nil
			}
		}
	}
	return program{}, fmt.Errorf("%s is missing (Debian package %s): %w", name, debian, err)
}

// modules is the directory of the plugins that a package brings, such as
// "/usr/lib/proftpd".
func (p program) modules(dir string) string { return filepath.Join("/", p.tree, dir) }

// command prepares a run, with the libraries that were unpacked with it.
func (p program) command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.path, args...)
	if p.tree != "" {
		dirs, _ := filepath.Glob(filepath.Join(p.tree, "usr/lib/*-linux-*")) // a constant pattern
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(append(dirs, filepath.Join(p.tree, "usr/lib")), ":"))
	}
	return cmd
}

// firstLine runs a program that says what it is; "" if it doesn't. vsftpd says it
// on the descriptor of its input.
func firstLine(cmd *exec.Cmd) string {
	r, w, err := os.Pipe()
	if err != nil {
		return ""
	}
	defer r.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = w, w, w
	err = cmd.Start()
	w.Close() // the process has it
	if err != nil {
		return ""
	}
	text, err := io.ReadAll(io.LimitReader(r, 1<<10)) // more would be no version
	r.Close()
	cmd.Wait() // the exit status of a version says nothing
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}
