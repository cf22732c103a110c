package interop_test

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/internal/peer"
)

// curl is the program with what it needs in mode; "FTP/x" in args becomes an URL.
func (f *ftpRig) curl(mode string, args ...string) (program string, all []string) {
	scheme := "ftp"
	all = []string{"-sS", "-u", "u:p"}
	switch mode {
	case "optional":
	case "implicit":
		scheme = "ftps"
		fallthrough
	default:
		all = append(all, "--ssl-reqd", "--cacert", f.cert.File)
	}
	for _, a := range args {
		if path, ok := strings.CutPrefix(a, "FTP/"); ok {
			a = scheme + "://" + f.addr() + "/" + path
		}
		all = append(all, a)
	}
	return peer.Need(f.t, "curl", "curl"), all
}

func TestCurlFTP(t *testing.T) {
	peer.Need(t, "curl", "curl")
	eachMode(t, func(t *testing.T, mode string, f *ftpRig) {
		run := func(args ...string) string {
			t.Helper()
			program, all := f.curl(mode, args...)
			return f.ok(program, all...)
		}
		whole := f.random("whole", 3<<20+7)
		for _, method := range []string{"multicwd", "nocwd", "singlecwd"} {
			name := method + "/d e/ünï \"q\" #1"
			at := "FTP/" + (&url.URL{Path: name}).EscapedPath()
			if method != "multicwd" { // it makes no more than one directory then
				require.NoError(t, os.MkdirAll(filepath.Join(f.root, filepath.Dir(name)), 0o755))
			}
			run("--ftp-method", method, "--ftp-create-dirs", "-T", "whole", at)
			f.stored(name, whole)
			run("--ftp-method", method, at, "-o", "back")
			f.fetched("back", whole)
			assert.Contains(t, run("--ftp-method", method, "-l", "FTP/"+method+"/d%20e/"), "ünï \"q\" #1")
			assert.Regexp(t, `-rw-r--r--.* 3145735 .*ünï "q" #1`, run("--ftp-method", method, "FTP/"+method+"/d%20e/"))
		}
		run("-T", "whole", "FTP/whole")
		run("-r", "1000000-1000999", "FTP/whole", "-o", "range")
		f.fetched("range", whole[1000000:1001000])
		run("-r", "3145000-", "FTP/whole", "-o", "tail")
		f.fetched("tail", whole[3145000:])
		run("-r", "-100", "FTP/whole", "-o", "end")
		f.fetched("end", whole[len(whole)-100:])
		head := run("-I", "FTP/whole")
		assert.Contains(t, head, "Content-Length: 3145735")
		assert.Contains(t, head, "Last-Modified:")

		// Both ways on, and behind.
		f.write(filepath.Join(f.root, "up"), string(whole[:1<<20]))
		f.write(filepath.Join(f.here, "down"), string(whole[:1<<20]))
		run("-C", "-", "-T", "whole", "FTP/up")
		f.stored("up", whole)
		run("-C", "-", "-o", "down", "FTP/up")
		f.fetched("down", whole)
		run("--append", "-T", "whole", "FTP/up")
		f.stored("up", append(whole[:len(whole):len(whole)], whole...))

		// Active, and the older ways to be passive.
		ways := [][]string{{"--disable-epsv"}, {"--no-ftp-skip-pasv-ip", "--disable-epsv"}}
		if mode == "optional" { // curl 7.88 forgets TLS on active data connections
			ways = append(ways, []string{"-P", "-"}, []string{"-P", "-", "--disable-eprt"})
		}
		for _, args := range ways {
			run(append(args, "-T", "whole", "FTP/other")...)
			f.stored("other", whole)
			run(append(args, "FTP/other", "-o", "back")...)
			f.fetched("back", whole)
			require.NoError(t, os.Remove(filepath.Join(f.root, "other")))
		}

		program, all := f.curl(mode, "FTP/nothing")
		assert.Contains(t, f.bad(program, all...), "curl: (78)") // no such file
		program, all = f.curl(mode, "-u", "u:wrong", "FTP/whole")
		assert.Contains(t, f.bad(program, all...), "curl: (67)") // login denied
		program, all = f.curl(mode, "FTP/nothing/x")
		assert.Contains(t, f.bad(program, all...), "curl: (9)") // no such directory
		f.refused = append(f.left("/whole"), "login: auth: denied")
		if mode != "optional" && mode != "implicit" {
			program, all = f.curl("optional", "FTP/whole")
			assert.Contains(t, f.bad(program, all...), "curl: (67)") // not in the clear
		}
	})
}

func TestCurlFTPQuotes(t *testing.T) {
	peer.Need(t, "curl", "curl")
	f := serveFTP(t, nil)
	f.write(filepath.Join(f.root, "a"), "a")
	f.write(filepath.Join(f.root, "gone"), "gone")
	args := []string{"FTP/", "-l"}
	for _, q := range []string{"MKD d", "RNFR a", "RNTO d/b", "SITE CHMOD 640 d/b", "DELE gone", "MKD empty", "RMD empty", "MFMT 20010203040506 d/b",
		"*DELE nothing", "-NOOP", "SITE SYMLINK d/b soft", "SITE UTIME 20010203040506 d/b"} {
		args = append(args, "-Q", q)
	}
	program, all := f.curl("required", args...)
	f.ok(program, all...)
	f.stored("d/b", []byte("a"))
	assert.Equal(t, os.FileMode(0o640), f.stat("d/b").Mode())
	assert.Equal(t, past(), f.stat("d/b").ModTime().UTC())
	assert.Equal(t, "d/b", f.link("soft"))
	f.gone("gone")
	f.gone("empty")
	f.refused = []string{"remove /nothing: file does not exist"}
}

func TestCurlFTPText(t *testing.T) {
	peer.Need(t, "curl", "curl")
	f := serveFTP(t, nil)
	f.write(filepath.Join(f.here, "text"), "one\ntwo\n\nthree")
	program, all := f.curl("required", "--crlf", "-T", "text", "FTP/crlf") // by itself, in TYPE I
	f.ok(program, all...)
	f.stored("crlf", []byte("one\r\ntwo\r\n\r\nthree"))
	program, all = f.curl("required", "--crlf", "-T", "text", "FTP/ascii;type=a")
	f.ok(program, all...)
	f.stored("ascii", []byte("one\ntwo\n\nthree"))
	program, all = f.curl("required", "FTP/ascii;type=a", "-o", "back")
	f.ok(program, all...)
	f.fetched("back", []byte("one\ntwo\n\nthree")) // it converts back
	program, all = f.curl("required", "FTP/;type=d")
	assert.ElementsMatch(t, []string{"crlf", "ascii"}, strings.Fields(f.ok(program, all...)))
}

// Over IPv6, where PASV has no answer.
func TestCurlFTPv6(t *testing.T) {
	program := peer.Need(t, "curl", "curl")
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	var six *ftp.Server
	f := serveFTP(t, func(s *ftp.Server) { six = &ftp.Server{Auth: s.Auth, TLS: s.TLS, Sink: s.Sink, Logger: s.Logger} })
	peer.ServeOn(t, six, l)
	whole := f.random("whole", 1<<20+7)
	at := "ftp://" + l.Addr().String() + "/whole"
	args := []string{"-sS", "-u", "u:p", "--ssl-reqd", "--cacert", f.cert.File}
	f.ok(program, append(args, "-T", "whole", at)...)
	f.stored("whole", whole)
	f.ok(program, append(args, at, "-o", "back")...)
	f.fetched("back", whole)
}
