package interop_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
)

// lftp runs commands; one that fails ends it.
func (f *ftpRig) lftp(mode string, commands ...string) string {
	f.t.Helper()
	url, secure := "ftp://"+f.addr(), []string{"set ftp:ssl-force yes", "set ftp:ssl-protect-data yes", "set ftp:ssl-protect-list yes", "set ssl:ca-file " + f.cert.File}
	switch mode {
	case "optional":
		secure = []string{"set ftp:ssl-allow no"}
	case "implicit":
		url = "ftps://" + f.addr()
	}
	script := append([]string{"set cmd:fail-exit yes", "set net:max-retries 1", "set net:timeout 60"}, secure...)
	script = append(append(script, "open -u u,p "+url), commands...)
	return f.ok(peer.Need(f.t, "lftp", "lftp"), "--norc", "-c", strings.Join(script, "; "))
}

// diff wants two trees to be the same, as diff has it.
func (f *ftpRig) diff(want, got string) {
	f.t.Helper()
	out, err := exec.Command(peer.Need(f.t, "diff", "diffutils"), "-r", "--exclude=.quaymaster~*", want, got).CombinedOutput()
	require.NoError(f.t, err, "%s", out)
}

func TestLFTPFTP(t *testing.T) {
	peer.Need(t, "lftp", "lftp")
	eachMode(t, func(t *testing.T, mode string, f *ftpRig) {
		tree := filepath.Join(f.here, "tree")
		for i := range 40 {
			f.random(fmt.Sprintf("tree/%d/file %d", i%4, i), i*5000)
		}
		whole := f.random("tree/large", 4<<20+3)
		old := filepath.Join(tree, "0/file 4")
		require.NoError(t, os.Chtimes(old, past(), past()))
		require.NoError(t, os.Chmod(old, 0o600))
		f.lftp(mode, "mirror -R --parallel=4 tree up")
		f.diff(tree, filepath.Join(f.root, "up"))
		assert.Equal(t, past(), f.stat("up/0/file 4").ModTime().UTC())
		assert.Equal(t, os.FileMode(0o600), f.stat("up/0/file 4").Mode())
		f.lftp(mode, "mirror --parallel=4 up down")
		f.diff(tree, filepath.Join(f.here, "down"))
		count, _ := f.seen.uploads()
		assert.Equal(t, 41, count)

		// Nothing is sent again, because the times were kept; what is too much goes.
		f.write(filepath.Join(f.root, "up/0/extra"), "extra")
		f.lftp(mode, "mirror -R --delete tree up")
		f.diff(tree, filepath.Join(f.root, "up"))
		count, _ = f.seen.uploads()
		assert.Equal(t, 41, count)

		f.lftp(mode, "pget -n 4 up/large -o pieces")
		f.fetched("pieces", whole)
		f.write(filepath.Join(f.root, "part"), string(whole[:1<<20+1]))
		f.write(filepath.Join(f.here, "part"), string(whole[:1<<20+1]))
		f.lftp(mode, "put -c tree/large -o part", "get -c up/large -o part")
		f.stored("part", whole)
		f.fetched("part", whole)

		out := f.lftp(mode, "mv part d", "chmod 640 d", "cls -l d", "quote SITE CHMOD 604 d", "quote MKD q", "mkdir -p x/y/z", "rm -r x", "quote STAT", "cat d > c", "du", "quote NOOP", "site HELP")
		assert.Regexp(t, `-rw-r-----.* d`, out)
		assert.Equal(t, os.FileMode(0o604), f.stat("d").Mode())
		f.fetched("c", whole)
		f.gone("x")
		f.refused = f.left("/up/large")
		for _, what := range f.seen.failures() {
			if strings.HasPrefix(what, "mkdir ") { // it does not look before
				f.refused = append(f.refused, what)
			}
		}
	})
}

// With its own ways to speak.
func TestLFTPFTPSettings(t *testing.T) {
	peer.Need(t, "lftp", "lftp")
	for _, setting := range []string{
		"ftp:sync-mode off", "ftp:passive-mode off", "ftp:use-mlsd off", "ftp:use-stat-for-list yes", "ftp:use-allo yes", "ftp:list-options -a", "ftp:use-abor no",
		"ftp:use-feat no", "ftp:use-size no", "ftp:use-mdtm-overloaded yes", "ftp:prefer-epsv yes", "ftp:strict-multiline yes", "ftp:use-quit no", "ftp:use-mode-z yes", "ftp:use-pret yes",
		"ftp:use-hftp no", "ftp:trust-feat yes", "ftp:use-tvfs yes", "ftp:use-utf8 yes", "ftp:nop-interval 1",
	} {
		t.Run(setting, func(t *testing.T) {
			f := serveFTP(t, nil)
			for i := range 5 {
				f.random(fmt.Sprintf("tree/%d/ünï %d", i%2, i), i*50_000)
			}
			f.lftp("required", "set "+setting, "mirror -R tree up", "mirror up down")
			f.diff(filepath.Join(f.here, "tree"), filepath.Join(f.root, "up"))
			f.diff(filepath.Join(f.here, "tree"), filepath.Join(f.here, "down"))
			for _, what := range f.seen.failures() {
				if strings.HasPrefix(what, "mkdir ") {
					f.refused = append(f.refused, what)
				}
			}
		})
	}
}
