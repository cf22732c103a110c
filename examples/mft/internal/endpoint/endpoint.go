// Package endpoint opens the listeners of the product, tells where they are,
// and runs the servers behind them.
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/quaymaster/quaymaster"
)

// Spec asks for one listener.
type Spec struct {
	Protocol string // "sftp", "ssh" without SFTP, "ftp", "ftps", "http" or "https"
	Address  string // host:port; port 0 lets the operating system choose
	Server   quaymaster.Server
	Wrap     func(net.Listener) net.Listener // nil: the listener is served as it is
}

// Endpoint is a listener that is open.
type Endpoint struct {
	Protocol string
	Addr     net.Addr
	pair     quaymaster.Listening
}

// Open opens all listeners, or none.
func Open(ctx context.Context, specs []Spec) ([]Endpoint, error) {
	var open []Endpoint
	for _, s := range specs {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Address)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", s.Protocol, err), Close(open))
		}
		if s.Wrap != nil {
			l = s.Wrap(l)
		}
		open = append(open, Endpoint{s.Protocol, l.Addr(), quaymaster.Listening{Server: s.Server, Listener: l}})
	}
	return open, nil
}

// Close closes listeners that are not to be run.
func Close(endpoints []Endpoint) error {
	var errs []error
	for _, e := range endpoints {
		errs = append(errs, e.pair.Listener.Close())
	}
	return errors.Join(errs...)
}

// Announce writes the line of each endpoint that says where it listens. Other
// programs read these lines: "listening PROTOCOL ADDRESS".
func Announce(w io.Writer, endpoints []Endpoint) error {
	for _, e := range endpoints {
		if _, err := fmt.Fprintf(w, "listening %s %s\n", e.Protocol, e.Addr); err != nil {
			return err
		}
	}
	return nil
}

// Run serves all endpoints until ctx ends or the process is told to stop, then
// lets what is under way finish for at most grace.
func Run(ctx context.Context, grace time.Duration, endpoints []Endpoint) error {
	pairs := make([]quaymaster.Listening, len(endpoints))
	for i, e := range endpoints {
		pairs[i] = e.pair
	}
	return quaymaster.Run(ctx, grace, pairs...)
}
