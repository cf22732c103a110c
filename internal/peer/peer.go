// Package peer finds the programs of others that tests run against.
package peer

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Need returns the path of program. Without it the test is skipped, or fails
// when QUAYMASTER_INTEROP is "require", as it is in make test. debian names
// the package that has it.
func Need(t testing.TB, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	Missing(t, program, debian)
	return ""
}

// Missing is Lacking for a program or module that a Debian package has.
func Missing(t testing.TB, what, debian string) {
	t.Helper()
	Lacking(t, fmt.Sprintf("%s is not installed (Debian package %s)", what, debian))
}

// Lacking skips the test for that reason, or fails it when QUAYMASTER_INTEROP
// is "require".
func Lacking(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("QUAYMASTER_INTEROP") == "require" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
