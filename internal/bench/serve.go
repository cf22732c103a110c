package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/pprof"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs/osfs"
)

const (
	serveCommand = "serve"    // first argument that makes this program the server
	snapshotLine = "snapshot" // on its input: write the heap profile now, and say so
)

// commands are what ours runs besides the SFTP subsystem. Cases that need one
// that is not here are skipped.
func commands() map[string]sshd.Handler {
	return map[string]sshd.Handler{
		"scp": &scp.Handler{},
	}
}

// serve is our server with its default settings, until its input ends.
func serve(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet(serveCommand, flag.ContinueOnError)
	root := flags.String("root", "", "`directory` to serve")
	hostKey := flags.String("hostkey", "", "private key `file`")
	user := flags.String("user", "", "`name` of the only user")
	authorized := flags.String("authorized", "", "`file` with the user's public key")
	cpu := flags.String("cpuprofile", "", "`file` for the CPU profile")
	heap := flags.String("heapprofile", "", "`file` for the heap profile")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fsys, err := osfs.Open(*root, nil)
	if err != nil {
		return err
	}
	defer fsys.Close()
	srv, err := newServer(fsys, *hostKey, *user, *authorized)
	if err != nil {
		return err
	}
	stop, err := startProfile(*cpu)
	if err != nil {
		return err
	}
	err = serveUntil(ctx, srv, stdin, stdout, *heap)
	return errors.Join(err, stop())
}

func newServer(fsys *osfs.FS, hostKey, user, authorized string) (*sshd.Server, error) {
	key, err := sshd.LoadHostKey(hostKey)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(authorized)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	keys, err := auth.ParseAuthorizedKeys(f)
	if err != nil {
		return nil, err
	}
	return &sshd.Server{
		HostKeys:   []ssh.Signer{key},
		Auth:       &auth.Static{Users: map[string]*auth.User{user: {AuthorizedKeys: keys, Home: auth.Home(fsys)}}},
		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}},
		Commands:   commands(),
		Logger:     slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, nil
}

// serveUntil says where it listens, serves, and obeys stdin.
func serveUntil(ctx context.Context, srv *sshd.Server, stdin io.Reader, stdout io.Writer, heap string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, l.Addr()); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	obeyed := make(chan error, 1)
	go func() {
		defer srv.Close() // also when the parent died
		for lines := bufio.NewScanner(stdin); lines.Scan(); {
			if lines.Text() == snapshotLine && heap != "" {
				if err := writeHeap(heap); err != nil {
					obeyed <- err
					return
				}
				heap = "" // this one counts, not that of the end
				fmt.Fprintln(stdout, snapshotLine)
			}
		}
		if heap != "" {
			obeyed <- writeHeap(heap)
			return
		}
		obeyed <- nil
	}()
	if err := srv.Serve(l); !errors.Is(err, quaymaster.ErrServerClosed) {
		return err
	}
	if ctx.Err() != nil {
		return nil // by a signal; the input may stay open for ever
	}
	return <-obeyed
}

// startProfile begins a CPU profile; an empty name is none.
func startProfile(file string) (stop func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// writeHeap writes what is in use and what was allocated since the start.
func writeHeap(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	runtime.GC() // else the profile is that of the last collection
	return errors.Join(pprof.Lookup("heap").WriteTo(f, 0), f.Close())
}
