// Bench measures our servers beside those of others, in one run on one
// machine.
//
//	go run ./internal/bench ssh                 all cases of the SSH suite
//	go run ./internal/bench ftp                 all cases of the FTP suite
//	go run ./internal/bench ssh -list
//	go run ./internal/bench ssh -case get/ -runs 3 -profile /tmp/prof
//	go run ./internal/bench ssh -markdown docs/benchmarks.md
//
// It needs Linux, for the times and the memory in /proc, and the programs that
// a suite names. Everything happens on loopback and in a temporary directory,
// with keys and configurations of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		stop()
		os.Exit(1)
	}
}

const usage = "usage: bench SUITE [flags]; the suites are: ssh, ftp"

// run is main without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	switch args[0] {
	case "ssh":
		return runSuite(ctx, sshSuite(), args[1:], stdout, stderr)
	case "ftp":
		return runSuite(ctx, ftpSuite(), args[1:], stdout, stderr)
	case serveCommand: // this program as the server under test
		return serve(ctx, args[1:], os.Stdin, stdout)
	case reapCommand: // this program above another server
		return reap(args[1:])
	}
	return fmt.Errorf("unknown suite %q; %s", args[0], usage)
}

// options are what the flags say.
type options struct {
	size     byteSize
	runs     int
	cases    *regexp.Regexp
	profile  string // directory for profiles of our server; "" for none
	markdown string // document to update; "" for none
	json     string // file to write; "" for none
	unpacked string // directory of programs that are not installed; "" for none
}

func runSuite(ctx context.Context, s *suite, args []string, stdout, stderr io.Writer) error {
	o := options{size: 1 << 30}
	flags := flag.NewFlagSet("bench "+s.name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	list := flags.Bool("list", false, "list the cases and do nothing")
	pattern := flags.String("case", "", "run only the cases whose name matches this `regexp`")
	flags.IntVar(&o.runs, "runs", 5, "measured `rounds` for each case, after one to warm up")
	flags.Var(&o.size, "size", "`size` of the large file; parallel transfers take a quarter each, and counts of files shrink with it")
	flags.StringVar(&o.profile, "profile", "", "write CPU and heap profiles of our server into `directory`, for each case")
	flags.StringVar(&o.markdown, "markdown", "", "put the result into this `document`, between its markers")
	flags.StringVar(&o.json, "json", "", "write the result to this `file`")
	flags.StringVar(&o.unpacked, "unpacked", "", "`directory` with Debian packages unpacked, for servers that are not installed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.runs < 1 {
		return fmt.Errorf("-runs %d: at least one", o.runs)
	}
	var err error
	if o.cases, err = regexp.Compile(*pattern); err != nil {
		return fmt.Errorf("-case: %w", err)
	}
	if o.unpacked != "" {
		if o.unpacked, err = filepath.Abs(o.unpacked); err != nil {
			return err
		}
	}
	if *list {
		for _, c := range s.cases(sizesFor(o.size)) {
			fmt.Fprintf(stdout, "%-26s %s\n", c.name, c.about)
		}
		return nil
	}
	if o.markdown != "" { // better now than after all the work
		if _, err := withSection(o.markdown, s.name, ""); err != nil {
			return err
		}
	}
	return measureSuite(ctx, s, o, stdout, stderr)
}

// measureSuite runs the cases, and reports also when some of them failed.
func measureSuite(ctx context.Context, s *suite, o options, stdout, stderr io.Writer) (err error) {
	r, err := newRunner(s, o, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	rep, err := r.runAll(ctx)
	if err != nil {
		return err
	}
	if err := rep.text(stdout); err != nil {
		return err
	}
	if o.json != "" {
		if err := rep.writeJSON(o.json); err != nil {
			return err
		}
	}
	if o.markdown != "" {
		if err := rep.updateDocument(o.markdown); err != nil {
			return err
		}
	}
	return rep.err()
}

// byteSize is a flag such as 1GiB, 64MiB or a number of bytes.
type byteSize int64

func (b *byteSize) Set(text string) error {
	number, shift := text, 0
	for _, u := range []struct {
		suffix string
		shift  int
	}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"B", 0}} {
		if rest, ok := strings.CutSuffix(text, u.suffix); ok {
			number, shift = rest, u.shift
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > 1<<40>>shift {
		return errors.New("want a size such as 64MiB, at most 1024GiB")
	}
	*b = byteSize(n << shift)
	return nil
}

// command repeats the run.
func (o options) command(suite string) string {
	text := fmt.Sprintf("go run ./internal/bench %s -runs %d -size %s", suite, o.runs, strings.ReplaceAll(o.size.String(), " ", ""))
	if o.cases.String() != "" {
		text += fmt.Sprintf(" -case '%s'", o.cases)
	}
	return text
}

func (b *byteSize) String() string { return sizeText(int64(*b)) }

// sizeText writes n in the largest unit that divides it.
func sizeText(n int64) string {
	for _, u := range []struct {
		suffix string
		shift  int
	}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}} {
		if n != 0 && n%(1<<u.shift) == 0 {
			return fmt.Sprintf("%d %s", n>>u.shift, u.suffix)
		}
	}
	return fmt.Sprintf("%d B", n)
}
