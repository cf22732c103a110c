package subsystem

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"

	"github.com/quaymaster/quaymaster/examples/mft/internal/umask"
)

// Pipes is where the requests come from and where the answers go.
type Pipes struct {
	In     io.Reader
	Out    io.Writer
	Err    io.Writer
	Getenv func(string) string // sshd tells about the connection here
}

func (p *Pipes) Read(b []byte) (int, error)  { return p.In.Read(b) }
func (p *Pipes) Write(b []byte) (int, error) { return p.Out.Write(b) }

// Close closes the side on which the client waits.
func (p *Pipes) Close() error {
	if c, ok := p.Out.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Serve answers requests until the input ends or ctx does. Uploads that are
// open then are not published.
func Serve(ctx context.Context, o *Options, p *Pipes) error {
	log := logger(o, p.Err)
	if o.Umask != nil {
		umask.Set(*o.Umask)
	}
	root, start, err := startDir(o, log)
	if err != nil {
		return err
	}
	options := &osfs.Options{NoRecovery: true, Logger: log}
	if o.Umask != nil {
		options.Umask = *o.Umask
	}
	fsys, err := osfs.Open(root, options)
	if err != nil {
		return err
	}
	defer fsys.Close()
	name, _ := whoami()
	id := &auth.Identity{User: name, Home: home(fsys, o.ReadOnly)}
	session := sshd.NewSession(ctx, p, id, &sshd.PipeOptions{
		Conn:   conn(p.Getenv),
		Sink:   quaymaster.LogSink(log),
		Logger: log,
		Stderr: p.Err,
	})
	return run(ctx, session, &sftp.Handler{StartDir: start, Deny: o.Deny, Allow: o.Allow})
}

func home(fsys vfs.FS, readOnly bool) func(context.Context) (vfs.FS, error) {
	if readOnly {
		fsys = vfs.ReadOnly(fsys)
	}
	return auth.Home(fsys)
}

// run waits for the handler or for the end of ctx. In that case the handler
// may hang in a read of standard input that nothing can interrupt; what is
// open is aborted, and the process must end.
func run(ctx context.Context, session *sshd.Session, handler sshd.Handler) error {
	done := make(chan error, 1)
	go func() { done <- handler.ServeSSH(ctx, session) }()
	select {
	case err := <-done:
		session.Close(err)
		return err
	case <-ctx.Done():
		session.Close(context.Cause(ctx))
		return fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
}

// conn describes the connection as far as sshd tells about it, in
// SSH_CONNECTION: the client's address and port, and the server's.
func conn(getenv func(string) string) *quaymaster.Conn {
	c := &quaymaster.Conn{ID: quaymaster.NewID(), Protocol: "sftp", Start: time.Now()}
	parts := strings.Fields(getenv("SSH_CONNECTION"))
	if len(parts) != 4 {
		return c
	}
	if remote, err := tcpAddr(parts[0], parts[1]); err == nil {
		c.Remote = remote
	}
	if local, err := tcpAddr(parts[2], parts[3]); err == nil {
		c.Local = local
	}
	return c
}

func tcpAddr(host, port string) (net.Addr, error) {
	addr, err := netip.ParseAddrPort(net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	return net.TCPAddrFromAddrPort(addr), nil
}
