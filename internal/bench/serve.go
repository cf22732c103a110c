package main

import (
	"bufio"
	"context"
	"crypto/subtle"
	"crypto/tls"
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
	"github.com/quaymaster/quaymaster/ftp"
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

// serving is what the flags say.
type serving struct {
	root              string
	user              string
	hostKey           string // makes it the SSH server
	authorized        string
	password          string // makes it the FTP server
	cert              string
	cpuFile, heapFile string
}

// serve is one of our servers with its default settings, until its input ends.
func serve(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	var o serving
	flags := flag.NewFlagSet(serveCommand, flag.ContinueOnError)
	flags.StringVar(&o.root, "root", "", "`directory` to serve")
	flags.StringVar(&o.user, "user", "", "`name` of the only user")
	flags.StringVar(&o.hostKey, "hostkey", "", "for SSH, private key `file`")
	flags.StringVar(&o.authorized, "authorized", "", "for SSH, `file` with the user's public key")
	flags.StringVar(&o.password, "password", "", "for FTP, of the user")
	flags.StringVar(&o.cert, "cert", "", "for FTP, `file` with private key and certificate; none: no TLS")
	flags.StringVar(&o.cpuFile, "cpuprofile", "", "`file` for the CPU profile")
	flags.StringVar(&o.heapFile, "heapprofile", "", "`file` for the heap profile")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fsys, err := osfs.Open(o.root, nil)
	if err != nil {
		return err
	}
	defer fsys.Close()
	newServer := newSSHServer
	if o.password != "" {
		newServer = newFTPServer
	}
	srv, err := newServer(fsys, o)
	if err != nil {
		return err
	}
	stop, err := startProfile(o.cpuFile)
	if err != nil {
		return err
	}
	err = serveUntil(ctx, srv, stdin, stdout, o.heapFile)
	return errors.Join(err, stop())
}

// serveLog is where our servers log to.
func serveLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func newSSHServer(fsys *osfs.FS, o serving) (quaymaster.Server, error) {
	key, err := sshd.LoadHostKey(o.hostKey)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(o.authorized)
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
		Auth:       &auth.Static{Users: map[string]*auth.User{o.user: {AuthorizedKeys: keys, Home: auth.Home(fsys)}}},
		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}},
		Commands:   commands(),
		Logger:     serveLog(),
	}, nil
}

// newFTPServer verifies passwords without hashing, so that a login costs what
// the server makes of it; the others hash as little as they can.
func newFTPServer(fsys *osfs.FS, o serving) (quaymaster.Server, error) {
	check := func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
		got, ok := r.Cred.(auth.Password)
		if !ok || r.User != o.user || subtle.ConstantTimeCompare([]byte(got), []byte(o.password)) != 1 {
			return nil, auth.ErrDenied
		}
		return &auth.Identity{User: r.User, Home: auth.Home(fsys)}, nil
	}
	srv := &ftp.Server{Auth: auth.Func(check), Logger: serveLog()}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.cert)
		if err != nil {
			return nil, err
		}
		srv.TLS, srv.TLSMode = &tls.Config{Certificates: []tls.Certificate{pair}}, ftp.TLSOptional
	}
	return srv, nil
}

// serveUntil says where it listens, serves, and obeys stdin.
func serveUntil(ctx context.Context, srv quaymaster.Server, stdin io.Reader, stdout io.Writer, heap string) error {
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
