package interop_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
)

// curl is the program with what it needs to log in; "SFTP/x" and "SCP/x" in
// args become URLs.
func curl(r *rig, args ...string) (program string, all []string) {
	all = []string{"-sS", "--hostpubsha256", strings.TrimPrefix(r.Fingerprint, "SHA256:"), "-u", "u:" + r.Password}
	at := "://" + r.Host + ":" + r.Port
	for _, a := range args {
		if protocol, path, ok := strings.Cut(a, "/"); ok && (protocol == "SFTP" || protocol == "SCP") {
			a = strings.ToLower(protocol) + at + "/" + path
		}
		all = append(all, a)
	}
	return peer.Need(r.t, "curl", "curl"), all
}

// needCurl wants a curl that was built with SSH; not every one is.
func needCurl(t *testing.T) {
	program := peer.Need(t, "curl", "curl")
	r := &rig{t: t, here: t.TempDir()}
	if !strings.Contains(r.ok(program, "--version"), " sftp") {
		peer.Missing(t, "a curl with sftp", "curl")
	}
}

func TestCurlSFTP(t *testing.T) {
	needCurl(t)
	r := serve(t)
	get := func(args ...string) string {
		t.Helper()
		program, all := curl(r, args...)
		return r.ok(program, all...)
	}
	whole := r.random("whole", 3<<20+7)
	get("-T", "whole", "SFTP/whole")
	get("SFTP/whole", "-o", "back")
	r.stored("whole", whole)
	r.fetched("back", whole)
	get("-T", "whole", "--ftp-create-dirs", "SFTP/~/new/dir/whole")
	r.stored("new/dir/whole", whole)
	get("-r", "1000000-1000999", "SFTP/whole", "-o", "range")
	r.fetched("range", whole[1000000:1001000])
	get("-r", "-100", "SFTP/whole", "-o", "tail")
	r.fetched("tail", whole[len(whole)-100:])
	assert.ElementsMatch(t, []string{".", "..", "new", "whole"}, strings.Fields(get("-l", "SFTP/")))
	assert.Regexp(t, `-rw-r--r--.* 3145735 .* whole\n`, get("SFTP/new/dir/"))

	program, all := curl(r, "SFTP/nothing")
	assert.Contains(t, r.bad(program, all...), "curl: (78)") // no such file
	program, all = curl(r, "-u", "u:wrong", "SFTP/whole")
	assert.Contains(t, r.bad(program, all...), "curl: (67)") // login denied
	other := base64.RawStdEncoding.EncodeToString(make([]byte, 32))
	program, all = curl(r, "--hostpubsha256", other, "SFTP/whole")
	assert.Contains(t, r.bad(program, all...), "curl: (60)") // another host key
	r.refused = []string{"download /nothing: file does not exist", "login: auth: denied",
		"upload /new/dir/whole: file does not exist"} // it makes directories only after a failure
}

func TestCurlResume(t *testing.T) {
	needCurl(t)
	r := serve(t)
	whole := r.random("whole", 2<<20+7)
	r.write(filepath.Join(r.root, "up"), string(whole[:1<<20]))
	r.write(filepath.Join(r.here, "down"), string(whole[:1<<20]))
	for _, args := range [][]string{{"-C", "-", "-T", "whole", "SFTP/up"}, {"-C", "-", "-o", "down", "SFTP/up"}, {"-a", "-T", "whole", "SFTP/up"}} {
		program, all := curl(r, args...)
		r.ok(program, all...)
	}
	r.fetched("down", whole)
	r.stored("up", append(whole, whole...))
}

func TestCurlQuotes(t *testing.T) {
	needCurl(t)
	r := serve(t)
	r.write(filepath.Join(r.root, "a"), "a")
	r.write(filepath.Join(r.root, "gone"), "gone")
	quotes := []string{"mkdir /d", "rename /a /d/b", "chmod 640 /d/b", "symlink /d/b /soft", "rm /gone", "mkdir /empty", "rmdir /empty",
		`mtime "03 Feb 2001 04:05:06 GMT" /d/b`, "pwd", "statvfs /", "*rm /nothing"}
	args := []string{"SFTP/", "-l"}
	for _, q := range quotes {
		args = append(args, "-Q", q)
	}
	program, all := curl(r, args...)
	r.ok(program, all...)
	r.stored("d/b", []byte("a"))
	assert.Equal(t, os.FileMode(0o640), r.stat("d/b").Mode())
	assert.Equal(t, past(), r.stat("d/b").ModTime().UTC())
	assert.Equal(t, "d/b", r.link("soft"))
	r.gone("gone")
	r.gone("empty")
	r.refused = []string{"remove /nothing: file does not exist"}
}

func TestCurlSCP(t *testing.T) {
	needCurl(t)
	r := serve(t)
	whole := r.random("whole", 2<<20+7)
	require.NoError(t, os.Mkdir(filepath.Join(r.root, "d"), 0o755))
	for _, name := range []string{"whole", "d/it's%20odd"} {
		program, all := curl(r, "-T", "whole", "SCP/"+name)
		r.ok(program, all...)
		program, all = curl(r, "SCP/"+name, "-o", "back")
		r.ok(program, all...)
		r.stored(strings.ReplaceAll(name, "%20", " "), whole)
		r.fetched("back", whole)
	}
	assert.Equal(t, map[string]int{"password": 4}, r.seen.logins())

	// With a key.
	program, all := curl(r, "SCP/whole", "-o", "again", "--key", r.Key, "-u", "u:")
	r.ok(program, all...)
	r.fetched("again", whole)
	assert.Equal(t, 1, r.seen.logins()["publickey"])
}
