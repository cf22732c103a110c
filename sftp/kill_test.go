package sftp_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	pkgsftp "github.com/pkg/sftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"
)

// killRounds is how often the server is killed; QUAYMASTER_KILL_ROUNDS sets
// another number.
const killRounds = 15

// serveEnv makes the test binary a server for that folder.
const serveEnv = "QUAYMASTER_TEST_SERVE"

// TestServeHelper is the server of TestKill9.
func TestServeHelper(t *testing.T) {
	root := os.Getenv(serveEnv)
	if root == "" {
		t.Skip("not a test: the server that TestKill9 starts")
	}
	fsys, err := osfs.Open(root, nil)
	require.NoError(t, err)
	key, err := sshd.HostKey(root + ".key")
	require.NoError(t, err)
	hash, err := (&auth.Hasher{Params: auth.Argon2Params{Memory: 8, Time: 1, Threads: 1}}).Hash(t.Context(), "p")
	require.NoError(t, err)
	srv := &sshd.Server{
		HostKeys:   []ssh.Signer{key},
		Auth:       &auth.Static{Users: map[string]*auth.User{"u": {PasswordHash: hash, Home: auth.Home(fsys)}}},
		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}}, Logger: quietLog(),
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	fmt.Println("listening", l.Addr())
	t.Fatal(srv.Serve(l))
}

// startHelper starts the server and returns its process and address.
func startHelper(t *testing.T, root string, env ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestServeHelper$", "-test.v")
	cmd.Env = append(append(os.Environ(), serveEnv+"="+root), env...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "listening "); ok {
			return cmd, addr
		}
	}
	cmd.Process.Kill()
	t.Fatal("the server did not start")
	return nil, ""
}

// version is the content of a file's v-th version: it tells what it is, and
// its end shows that it is whole.
func version(name string, v int) []byte {
	r := rand.New(rand.NewPCG(uint64(v), uint64(len(name))))
	body := bytes.Repeat([]byte{byte('a' + v%26)}, r.IntN(300<<10))
	return fmt.Appendf(nil, "%s %d\n%send %d\n", name, v, body, v)
}

// writer uploads version after version until the server is gone, and calls
// begun when the first is under way. It returns the last one that the server
// said was complete.
func writer(addr, name string, from int, begun func()) (acked int) {
	acked = from
	conn, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{
		User: "u", Auth: []ssh.AuthMethod{ssh.Password("p")}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		return acked
	}
	defer conn.Close()
	c, err := pkgsftp.NewClient(conn, pkgsftp.UseConcurrentWrites(true))
	if err != nil {
		return acked
	}
	for v := from + 1; ; v++ {
		f, err := c.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return acked
		}
		begun()
		if _, err := f.ReadFrom(bytes.NewReader(version(name, v))); err != nil {
			return acked
		}
		if f.Close() != nil {
			return acked
		}
		acked = v
	}
}

// TestKill9 kills the server in the middle of uploads. Each file must hold the
// version that was last acknowledged, whole, or one that was sent after it,
// whole; and what was staged is gone when the server has started again.
func TestKill9(t *testing.T) {
	if testing.Short() {
		t.Skip("short: starts and kills many processes")
	}
	rounds := killRounds
	if n, err := strconv.Atoi(os.Getenv("QUAYMASTER_KILL_ROUNDS")); err == nil {
		rounds = n
	}
	root := filepath.Join(t.TempDir(), "root")
	require.NoError(t, os.Mkdir(root, 0o755))
	acked := make(map[string]int)
	names := []string{"a", "b", "c", "d"}
	total := 0
	for range rounds {
		cmd, addr := startHelper(t, root)
		assert.Empty(t, staged(t, root), "left over after a start")
		var wg sync.WaitGroup
		got := make([]int, len(names))
		// The clock starts with the uploads: on a slow machine logins take long.
		begun := sync.OnceFunc(func() {
			time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, func() { cmd.Process.Kill() })
		})
		for i, name := range names {
			wg.Go(func() { got[i] = writer(addr, name, acked[name], begun) })
		}
		cmd.Wait() // reports the kill
		wg.Wait()
		for i, name := range names {
			total += got[i] - acked[name]
			acked[name] = got[i]
			acked[name] = checkWhole(t, root, name, acked[name])
		}
	}
	t.Logf("%d kills, %d acknowledged uploads", rounds, total)
	assert.Positive(t, total, "the test must upload something to mean anything")
}

// checkWhole returns the version that is there.
func checkWhole(t *testing.T, root, name string, acked int) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if os.IsNotExist(err) && acked == 0 {
		return 0
	}
	require.NoError(t, err, "%s: version %d was acknowledged", name, acked)
	var who string
	var v int
	_, err = fmt.Fscanf(bytes.NewReader(data), "%s %d\n", &who, &v)
	require.NoError(t, err)
	require.GreaterOrEqual(t, v, acked, "%s: an acknowledged version is lost", name)
	require.True(t, bytes.Equal(data, version(name, v)), "%s: version %d is torn", name, v)
	return v
}

// staged lists the staged files below root.
func staged(t *testing.T, root string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, e := range entries {
		if vfs.IsReserved(e.Name()) && !strings.HasSuffix(e.Name(), "journal") {
			names = append(names, e.Name())
		}
	}
	return names
}

// A folder of 100,000 files is listed in pages, and the server's memory stays
// where it was.
func TestHugeDirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("short: makes 100,000 files")
	}
	root := filepath.Join(t.TempDir(), "root")
	require.NoError(t, os.Mkdir(root, 0o755))
	const count = 100_000
	for i := range count {
		f, err := os.Create(filepath.Join(root, fmt.Sprintf("file-with-a-usual-name-%06d", i)))
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	// What counts is what is held, not what waits for the collector; the race
	// detector multiplies both.
	cmd, addr := startHelper(t, root, "GOGC=10")
	defer cmd.Wait()
	defer cmd.Process.Kill()
	conn, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{
		User: "u", Auth: []ssh.AuthMethod{ssh.Password("p")}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	require.NoError(t, err)
	defer conn.Close()
	c, err := pkgsftp.NewClient(conn)
	require.NoError(t, err)
	_, err = c.Stat("/")
	require.NoError(t, err)
	before := peakMemory(t, cmd.Process.Pid)
	entries, err := c.ReadDir("/")
	require.NoError(t, err)
	assert.Len(t, entries, count)
	grown := peakMemory(t, cmd.Process.Pid) - before
	t.Logf("peak memory grew by %d KiB", grown)
	if before > 0 {
		assert.Less(t, grown, 16<<10, "KiB")
	}
}

// peakMemory is VmHWM in KiB; 0 where there is no /proc.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	var kib int
	_, err = fmt.Sscan(rest, &kib)
	require.NoError(t, err)
	return kib
}
