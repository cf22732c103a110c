package quaymaster_test

import (
	"os"
	"strings"
	"testing"
)

// The code of the README is that of the example, which is compiled and tested.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("examples/sftpserver/main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "```go\n")
	code, _, closed := strings.Cut(rest, "```")
	if !found || !closed || !strings.Contains(string(example), code) {
		t.Error("the README's Go code is not part of examples/sftpserver/main.go")
	}
}
