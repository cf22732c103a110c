// Command mft is a managed file transfer server. See README.md.
package main

import (
	"context"
	"os"

	"github.com/quaymaster/quaymaster/examples/mft/internal/cli"
)

func main() {
	m := &cli.Main{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}
	os.Exit(m.Run(context.Background(), os.Args[1:]))
}
