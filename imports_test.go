package quaymaster_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/quaymaster/quaymaster"

// importRules says what each package may import, besides the standard library:
// packages of this module by their path below it, others by a prefix.
var importRules = map[string][]string{
	"":                    {},
	"vfs":                 {},
	"vfs/osfs":            {"vfs", "golang.org/x/sys/"},
	"vfs/memfs":           {"vfs"},
	"vfs/aferofs":         {"vfs", "github.com/spf13/afero", "golang.org/x/text/"},
	"vfs/vfstest":         {"vfs", "vfs/memfs"},
	"auth":                {"", "vfs", "golang.org/x/crypto/", "golang.org/x/sys/cpu"},
	"auth/authtest":       {"", "vfs", "auth", "golang.org/x/crypto/", "golang.org/x/sys/cpu"},
	"internal/rawssh":     {"golang.org/x/crypto/", "golang.org/x/sys/cpu"},
	"limit":               {"", "vfs", "auth", "golang.org/x/time/rate", "github.com/pires/go-proxyproto", "golang.org/x/crypto/", "golang.org/x/sys/cpu"},
	"internal/batch":      {},
	"internal/lsl":        {"vfs"},
	"internal/serve":      {""},
	"internal/transcript": {},
	"internal/session":    {"", "vfs", "auth", "golang.org/x/crypto/", "golang.org/x/sys/cpu"},
	"sshd":                {"", "vfs", "auth", "internal/batch", "internal/serve", "internal/session", "golang.org/x/crypto/", "golang.org/x/sys/cpu"},
	"sftp":                {"", "vfs", "auth", "sshd", "internal/lsl", "internal/batch", "internal/serve", "internal/session", "golang.org/x/crypto/", "golang.org/x/sys/cpu"},
	"scp":                 {"", "vfs", "auth", "sshd", "internal/batch", "internal/serve", "internal/session", "golang.org/x/crypto/", "golang.org/x/sys/cpu"},
	"ftp":                 {"", "vfs", "auth", "internal/lsl", "internal/batch", "internal/serve", "internal/session", "golang.org/x/crypto/", "golang.org/x/sys/cpu"},
	"sshd/command":        {"", "vfs", "auth", "sshd", "internal/batch", "internal/serve", "internal/session", "golang.org/x/crypto/", "golang.org/x/sys/cpu"},
}

// direct says what a package may import itself, where that is less than what
// comes along.
var direct = map[string][]string{
	"limit":        {"", "auth", "golang.org/x/time/rate", "github.com/pires/go-proxyproto"},
	"sftp":         {"", "vfs", "sshd", "internal/lsl"},
	"scp":          {"", "vfs", "sshd"},
	"sshd/command": {"vfs", "sshd"},
}

// sshFree lists the packages whose programs must not link x/crypto/ssh.
var sshFree = []string{"", "vfs", "vfs/osfs", "vfs/memfs", "vfs/aferofs", "auth", "limit", "internal/batch", "internal/lsl", "internal/serve", "internal/session", "ftp"}

// TestImports keeps the import graph as it was designed.
func TestImports(t *testing.T) {
	for _, pkg := range list(t, "./...") {
		path := strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/")
		if strings.HasPrefix(path, "examples/") || path == "internal/peer" || path == "internal/bench" || path == "internal/interop" { // programs and test helpers
			continue
		}
		allowed, known := importRules[path]
		if !known {
			t.Errorf("package %q has no import rule: add one", path)
			continue
		}
		check(t, path, list(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg), append(allowed, path))
		if narrow, ok := direct[path]; ok {
			check(t, path, strings.Fields(list(t, "-f", `{{join .Imports " "}}`, pkg)[0]), narrow)
		}
	}
	for _, path := range sshFree {
		deps := list(t, "-deps", strings.TrimSuffix(module+"/"+path, "/"))
		if slices.Contains(deps, "golang.org/x/crypto/ssh") {
			t.Errorf("%q links x/crypto/ssh", path)
		}
	}
}

func list(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// check complains about imports of path that are not allowed.
func check(t *testing.T, path string, imports, allowed []string) {
	t.Helper()
	for _, dep := range imports {
		inner, ours := strings.CutPrefix(dep, module)
		inner = strings.TrimPrefix(inner, "/")
		ok := dep == "" || slices.ContainsFunc(allowed, func(a string) bool {
			if ours {
				return inner == a
			}
			return a != "" && strings.HasPrefix(dep, a)
		})
		if !ok && (ours || strings.Contains(strings.SplitN(dep, "/", 2)[0], ".")) {
			t.Errorf("%q must not import %q", path, dep)
		}
	}
}
