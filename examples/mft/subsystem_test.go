package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/pkg/sftp"
)

// pipeServer is "mft sftp-server" with a client.
type pipeServer struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	client *sftp.Client
}

func startPipe(t *testing.T, dir string, args ...string) *pipeServer {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Args = append([]string{"mft", "sftp-server"}, args...) // the name makes it mft
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client, err := sftp.NewClientPipe(out, in)
	if err != nil {
		t.Fatal(err)
	}
	return &pipeServer{cmd, in, client}
}

// half writes the first half of data and leaves the file open.
func (p *pipeServer) half(t *testing.T, name string, data []byte) {
	t.Helper()
	f, err := p.client.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data[:len(data)/2]); err != nil {
		t.Fatal(err)
	}
}

// What breaks off must not be seen under its name, nor damage what is there.
func TestSubsystemBrokenUpload(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 10000)
	ends := map[string]func(*pipeServer) error{
		"input ends": func(p *pipeServer) error { return p.in.Close() },
		"SIGTERM":    func(p *pipeServer) error { return p.cmd.Process.Signal(syscall.SIGTERM) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && name == "SIGTERM" {
				t.Skip("Windows has no SIGTERM")
			}
			dir := t.TempDir()
			old := filepath.Join(dir, "old")
			if err := os.WriteFile(old, []byte("old"), 0o644); err != nil {
				t.Fatal(err)
			}
			p := startPipe(t, dir)
			p.half(t, "old", data)
			p.half(t, "new", data)
			if err := end(p); err != nil {
				t.Fatal(err)
			}
			err := p.cmd.Wait()
			if (err == nil) != (name == "input ends") {
				t.Errorf("end: %v", err)
			}
			if got, err := os.ReadFile(old); err != nil || string(got) != "old" {
				t.Errorf("the old file holds %d bytes, %v", len(got), err)
			}
			if _, err := os.Stat(filepath.Join(dir, "new")); !os.IsNotExist(err) {
				t.Errorf("the new file is there: %v", err)
			}
			checkResume(t, dir, data)
		})
	}
}

// checkResume goes on with "new" in another session.
func checkResume(t *testing.T, dir string, data []byte) {
	t.Helper()
	p := startPipe(t, dir)
	fi, err := p.client.Stat("new")
	if err != nil || fi.Size() != int64(len(data)/2) {
		t.Fatalf("what was kept: %v, %v", fi, err)
	}
	f, err := p.client.OpenFile("new", os.O_WRONLY)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(data[len(data)/2:], int64(len(data)/2)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("end: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "new")); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}
