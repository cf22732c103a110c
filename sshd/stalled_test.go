package sshd_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/rawssh"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"
)

// Tests of peers that take nothing, or little, or are gone without a word.

// sftpPacket frames a request of SFTP.
func sftpPacket(kind byte, body []byte) []byte {
	p := binary.BigEndian.AppendUint32(nil, uint32(1+len(body)))
	return append(append(p, kind), body...)
}

// holding lets in "u" to home, in which there is a file "f" of so many bytes.
func holding(t *testing.T, home vfs.FS, size int) auth.Authenticator {
	t.Helper()
	f, err := vfs.CreateAtomic(t.Context(), home, "f", 0o644)
	require.NoError(t, err)
	_, err = f.WriteAt(randomBytes(size), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return auth.Func(func(context.Context, *auth.Request) (*auth.Identity, error) {
		return &auth.Identity{User: "u", Home: auth.Home(home)}, nil
	})
}

// download logs in, opens the file "f" by SFTP and asks for n pieces of it.
func download(t *testing.T, addr string, n int, size uint32) *rawssh.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	require.NoError(t, nc.(*net.TCPConn).SetReadBuffer(4096))
	c, err := rawssh.New(nc, rawssh.Version)
	require.NoError(t, err)
	require.NoError(t, c.Login("u", "p"))
	server, err := c.OpenSession(0, 1<<30, maxPacket)
	require.NoError(t, err)
	require.NoError(t, c.Start(server, "subsystem", "sftp"))
	require.NoError(t, c.Data(server, sftpPacket(1, []byte{0, 0, 0, 3})))
	_, err = c.Await(rawssh.MsgChannelData)
	require.NoError(t, err)
	require.NoError(t, c.Data(server, sftpPacket(3, ssh.Marshal(struct {
		ID           uint32
		Name         string
		Flags, Attrs uint32
	}{1, "f", 1, 0}))))
	packet, err := c.Await(rawssh.MsgChannelData)
	require.NoError(t, err)
	require.Equal(t, byte(102), packet[13], "HANDLE")
	handle := packet[len(packet)-8:]
	for i := range n {
		require.NoError(t, c.Data(server, sftpPacket(5, ssh.Marshal(struct {
			ID     uint32
			Handle []byte
			Offset uint64
			Size   uint32
		}{uint32(2 + i), handle, uint64(i) * uint64(size), size}))))
	}
	return c
}

// A client that asks for much and takes 1 KiB at a time costs less than 1 MiB
// when it reads a local file, and eight requests when it reads another one.
// Nobody else is slower for it.
func TestSlowReader(t *testing.T) {
	const readers = 8
	local, err := osfs.Open(t.TempDir(), nil)
	require.NoError(t, err)
	defer local.Close()
	for name, tt := range map[string]struct {
		home  vfs.FS
		size  uint32
		limit int64
	}{
		"local, OpenSSH before 9": {local, 32 << 10, 1 << 20},
		"local, OpenSSH":          {local, 255 << 10, 1 << 20},
		"others":                  {memfs.New(), 255 << 10, 3 << 20},
	} {
		addr := start(t, &sshd.Server{
			Auth: holding(t, tt.home, 16<<20), Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}},
		})
		download(t, addr, 1, 1<<10).Close() // what is allocated once
		before := heap()
		var slow []*rawssh.Conn
		for range readers {
			slow = append(slow, download(t, addr, 64, tt.size))
		}
		for range 20 {
			for _, c := range slow {
				n, err := c.Raw.Read(make([]byte, 1<<10))
				require.NoError(t, err)
				require.Positive(t, n)
			}
		}
		each := grows(before) / readers
		t.Logf("%s: %d KiB for each slow reader", name, each>>10)
		assert.Less(t, each, tt.limit, name)
		good := dial(t, addr)
		began := time.Now()
		assert.NoError(t, transfer(good, "good", randomBytes(4<<20)))
		assert.Less(t, time.Since(began), 10*time.Second)
		good.Close()
		for _, c := range slow {
			c.Close()
		}
	}
}

// The same for a client that dies without a word, in the middle of a download:
// the keepalive notices.
func TestHalfOpenDownload(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	addr := start(t, &sshd.Server{
		Sink: rec, Auth: holding(t, memfs.New(), 16<<20), KeepAlive: 200 * time.Millisecond,
		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}},
	})
	download(t, addr, 64, 255<<10) // and reads nothing any more
	began := time.Now()
	assert.ErrorIs(t, disconnected(t, rec), quaymaster.ErrConnLost)
	assert.Less(t, time.Since(began), 5*time.Second)
}

// And for one that dies while it says nothing, over a line that takes whatever
// is written, as the kernel does while it tries to send it.
func TestHalfOpenIdle(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	addr := start(t, &sshd.Server{Sink: rec, KeepAlive: 200 * time.Millisecond})
	startEcho(t, loginRaw(t, addr), 0)
	assert.ErrorIs(t, disconnected(t, rec), quaymaster.ErrConnLost)
}

// ServerAliveInterval of OpenSSH ends a connection whose server does not answer
// in time.
func TestOpenSSHServerAlive(t *testing.T) {
	t.Parallel()
	users, _, private := newUser(t)
	addr := startHello(t, &sshd.Server{Auth: users})
	began := time.Now()
	c := newSSHClient(t, addr).key(private).option("ServerAliveInterval=1", "ServerAliveCountMax=1")
	c.stays(func() bool { return time.Since(began) > 3500*time.Millisecond })
}

// Our own is answered by OpenSSH, so that an idle client stays.
func TestOpenSSHAnswersKeepAlive(t *testing.T) {
	t.Parallel()
	users, _, private := newUser(t)
	rec := &recorder{}
	addr := startHello(t, &sshd.Server{Auth: users, KeepAlive: 250 * time.Millisecond, Sink: rec})
	began := time.Now()
	newSSHClient(t, addr).key(private).stays(func() bool { return time.Since(began) > 2*time.Second })
	eventually(t, "logout", func() bool { return rec.find(quaymaster.KindLogout) != nil })
	assert.NoError(t, rec.find(quaymaster.KindLogout).Err)
}

// What is not known is refused, with an answer if one was wanted, and without
// one otherwise.
func TestUnknownGlobalRequests(t *testing.T) {
	t.Parallel()
	c := loginRaw(t, start(t, &sshd.Server{}))
	names := []string{"keepalive@openssh.com", "tcpip-forward", "streamlocal-forward@openssh.com", "", "x\x00y", "hostkeys-prove-00@openssh.com"}
	for _, name := range names {
		require.NoError(t, c.SendMsg(&rawssh.GlobalRequest{Type: name, Payload: bytes.Repeat([]byte{0}, 20)}))
	}
	for _, name := range names {
		require.NoError(t, c.SendMsg(&rawssh.GlobalRequest{Type: name, Reply: true, Payload: bytes.Repeat([]byte{0}, 20)}))
	}
	for range names {
		_, err := c.Expect(rawssh.MsgRequestFailure)
		if err != nil { // the host keys are announced first
			_, err = c.Expect(rawssh.MsgRequestFailure)
		}
		require.NoError(t, err)
	}
	echoes(t, c, startEcho(t, c, 0))
}
