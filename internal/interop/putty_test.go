package interop_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
)

// putty returns how PuTTY's program finds and trusts the server.
func putty(r *rig, program string, args ...string) []string {
	return append([]string{peer.Need(r.t, program, "putty-tools"), "-batch", "-hostkey", r.Fingerprint, "-P", r.Port}, args...)
}

// psftp runs a batch, which must succeed.
func psftp(r *rig, login []string, batch ...string) string {
	r.t.Helper()
	script := filepath.Join(r.t.TempDir(), "batch")
	r.write(script, strings.Join(batch, "\n")+"\n")
	args := append(putty(r, "psftp", login...), "-b", script, "u@"+r.Host)
	return r.ok(args[0], args[1:]...)
}

func TestPSFTP(t *testing.T) {
	peer.Need(t, "psftp", "putty-tools")
	r := serve(t)
	password := []string{"-pw", r.Password}
	whole := r.random("whole", 3<<20+17)
	one, two := r.random("1.dat", 70_000), r.random("2.dat", 1)
	r.random("tree/x/deep", 10_000)
	r.random("tree/empty", 0)

	out := psftp(r, password,
		"pwd", "put whole", "get whole back", "mkdir d", "cd d", "mput *.dat", "put whole with-name", "cd ..",
		"chmod 640 d/1.dat", "mv d/2.dat moved", "mv d/1.dat .", "ls", "ls d", "put -r tree", "get -r tree again",
		"mkdir gone", "rmdir gone", "put 2.dat gone", "del gone")
	assert.Contains(t, out, "Remote directory is /")
	assert.Regexp(t, `-rw-r-----.* 70000 .* 1\.dat\n`, strings.ReplaceAll(out, "\r", ""))
	r.stored("whole", whole)
	r.stored("d/with-name", whole)
	r.stored("1.dat", one)
	r.stored("moved", two)
	r.fetched("back", whole)
	assert.Equal(t, os.FileMode(0o640), r.stat("1.dat").Mode())
	r.gone("gone")
	r.same(filepath.Join(r.here, "tree"), filepath.Join(r.root, "tree"))
	r.same(filepath.Join(r.here, "tree"), filepath.Join(r.here, "again"))
	count, _ := r.seen.uploads()
	assert.Equal(t, 7, count)

	// What an earlier transfer left, on either side.
	r.write(filepath.Join(r.root, "resumed"), string(whole[:1<<20]))
	r.write(filepath.Join(r.here, "partly"), string(whole[:1<<20]))
	r.write(filepath.Join(r.root, "m/1.x"), "1")
	r.write(filepath.Join(r.root, "m/2.x"), "2")
	psftp(r, password, "reput whole resumed", "reget whole partly", "mget m/*.x")
	r.stored("resumed", whole)
	r.fetched("partly", whole)
	r.fetched("2.x", []byte("2"))
	// PuTTY gives the password to the first method that asks for one.
	assert.Equal(t, map[string]int{"keyboard-interactive": 2}, r.seen.logins())
	for _, client := range r.seen.clients() {
		assert.Contains(t, client, "PuTTY")
	}
}

// A rename does not replace, and psftp has no other.
func TestPSFTPKey(t *testing.T) {
	puttygen := peer.Need(t, "puttygen", "putty-tools")
	r := serve(t)
	ppk := filepath.Join(t.TempDir(), "key.ppk")
	r.ok(puttygen, r.Key, "-O", "private", "-o", ppk)
	data := r.random("a", 100_000)
	psftp(r, []string{"-i", ppk}, "put a", "put a b")
	r.stored("a", data)
	r.stored("b", data)
	assert.Equal(t, map[string]int{"publickey": 1}, r.seen.logins())

	script := filepath.Join(t.TempDir(), "batch")
	r.write(script, "mv a b\n")
	args := append(putty(r, "psftp", "-i", ppk), "-b", script, "u@"+r.Host)
	assert.Contains(t, r.bad(args[0], args[1:]...), "mv /a /b: failure")
	r.stored("b", data)
	r.refused = []string{"rename /a: file already exists"}
}

func TestPSCP(t *testing.T) {
	for _, protocol := range []string{"-sftp", "-scp"} {
		t.Run(protocol[1:], func(t *testing.T) {
			peer.Need(t, "pscp", "putty-tools")
			r := serve(t)
			pscp := func(args ...string) string {
				t.Helper()
				all := putty(r, "pscp", append([]string{"-pw", r.Password, protocol}, args...)...)
				return r.ok(all[0], all[1:]...)
			}
			at := func(name string) string { return "u@" + r.Host + ":" + name }
			whole := r.random("whole", 2<<20+1)
			r.random("tree/x/y/deep", 5000)
			r.random("tree/with blank", 5001)
			for _, name := range []string{"whole", "tree/x/y/deep"} {
				require.NoError(t, os.Chtimes(filepath.Join(r.here, name), past(), past()))
			}
			pscp("-p", "whole", at(""))
			r.stored("whole", whole)
			assert.Equal(t, past(), r.stat("whole").ModTime().UTC())
			pscp("-p", at("whole"), "back")
			r.fetched("back", whole)
			pscp("-p", "-r", "tree", at(""))
			r.same(filepath.Join(r.here, "tree"), filepath.Join(r.root, "tree"))
			assert.Equal(t, past(), r.stat("tree/x/y/deep").ModTime().UTC())
			pscp("-p", "-r", at("tree"), "again")
			r.same(filepath.Join(r.root, "tree"), filepath.Join(r.here, "again"))
			r.write(filepath.Join(r.root, "d/a.csv"), "a")
			r.write(filepath.Join(r.root, "d/b.csv"), "b")
			r.write(filepath.Join(r.root, "d/c.txt"), "c")
			require.NoError(t, os.Mkdir(filepath.Join(r.here, "csv"), 0o755))
			pscp("-unsafe", at("d/*.csv"), "csv")
			r.fetched("csv/a.csv", []byte("a"))
			r.fetched("csv/b.csv", []byte("b"))
			assert.NoFileExists(t, filepath.Join(r.here, "csv/c.txt"))
			count, size := r.seen.uploads()
			assert.Equal(t, 3, count)
			assert.EqualValues(t, 2<<20+1+5000+5001, size)
		})
	}
}
