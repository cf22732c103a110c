package scp_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// No test may leave a goroutine behind. For TestOpenSSHRegress the test binary
// is the scp command itself.
func TestMain(m *testing.M) {
	if root := os.Getenv(serveEnv); root != "" {
		os.Exit(serveStdio(root, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}
