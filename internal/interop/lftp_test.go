package interop_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quaymaster/quaymaster/internal/peer"
)

// lftp runs commands; one that fails ends it.
func lftp(r *rig, commands ...string) string {
	r.t.Helper()
	program, ssh := peer.Need(r.t, "lftp", "lftp"), peer.Need(r.t, "ssh", "openssh-client")
	connect := strings.Join(append([]string{ssh, "-a", "-x"}, r.Options()...), " ")
	script := append([]string{
		"set cmd:fail-exit yes", "set net:max-retries 1", "set net:timeout 60", `set sftp:connect-program "` + connect + `"`,
		fmt.Sprintf("open -u u,%s sftp://%s:%s", r.Password, r.Host, r.Port),
	}, commands...)
	return r.ok(program, "--norc", "-c", strings.Join(script, "; "))
}

func TestLFTPMirror(t *testing.T) {
	peer.Need(t, "lftp", "lftp")
	r := serve(t)
	for i := range 40 {
		r.random(fmt.Sprintf("tree/%d/file %d", i%4, i), i*5000)
	}
	whole := r.random("tree/large", 4<<20+3)
	lftp(r, "mirror -R --parallel=4 tree up")
	r.same(filepath.Join(r.here, "tree"), filepath.Join(r.root, "up"))
	lftp(r, "mirror --parallel=4 --use-pget-n=3 up down")
	r.same(filepath.Join(r.here, "tree"), filepath.Join(r.here, "down"))
	count, _ := r.seen.uploads()
	assert.Equal(t, 41, count)

	// Nothing is sent again, because the times were kept; what is too much goes.
	r.write(filepath.Join(r.root, "up/0/extra"), "extra")
	lftp(r, "mirror -R --delete tree up")
	r.same(filepath.Join(r.here, "tree"), filepath.Join(r.root, "up"))
	count, _ = r.seen.uploads()
	assert.Equal(t, 41, count)

	lftp(r, "pget -n 4 up/large -o pieces")
	r.fetched("pieces", whole)
	r.refused = []string{"mkdir /up: file already exists"} // it does not look before
}

func TestLFTPResume(t *testing.T) {
	peer.Need(t, "lftp", "lftp")
	r := serve(t)
	whole := r.random("whole", 3<<20+5)
	r.write(filepath.Join(r.root, "up"), string(whole[:1<<20+1]))
	r.write(filepath.Join(r.here, "down"), string(whole[:1<<20+1]))
	lftp(r, "put -c whole -o up", "get -c up -o down")
	r.stored("up", whole)
	r.fetched("down", whole)
	_, size := r.seen.uploads()
	assert.EqualValues(t, len(whole)-(1<<20+1), size, "only the rest was sent")
}

func TestLFTPNames(t *testing.T) {
	peer.Need(t, "lftp", "lftp")
	r := serve(t)
	data := r.random("a", 100)
	out := lftp(r, "put a", "mkdir -p d/e", "mv a d/b", "ln -s b d/soft", "chmod 640 d/b", "cls -l d", "cat d/soft > c",
		"put a -o gone", "rm gone", "mkdir empty", "rmdir empty", "du d", "glob -- rm d/s*")
	assert.Regexp(t, `-rw-r-----.* 100 .*b`, out)
	r.stored("d/b", data)
	r.fetched("c", data)
	r.gone("d/soft")
	r.gone("gone")
	r.gone("empty")
	for _, e := range r.seen.all("symlink") {
		assert.Equal(t, "/d/soft b", e.Path+" "+e.Target)
	}
	assert.Len(t, r.seen.all("symlink"), 1)
}
