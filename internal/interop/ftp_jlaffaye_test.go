package interop_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	client "github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// drained is a data connection that says goodbye, and waits for the server's.
type drained struct{ *tls.Conn }

func (d drained) Close() error {
	if err := d.CloseWrite(); err != nil {
		return d.Conn.Close()
	}
	if d.SetReadDeadline(time.Now().Add(10*time.Second)) == nil {
		_, _ = io.Copy(io.Discard, d) // nothing but the goodbye
	}
	return d.Conn.Close()
}

// dialGo connects by jlaffaye/ftp, over TLS whose sessions it resumes: explicit
// TLS is negotiated on the first connection by itself, and the others are ours.
func dialGo(t *testing.T, addr string, cert *peer.Certificate, version uint16) *client.ServerConn {
	t.Helper()
	cfg := &tls.Config{RootCAs: cert.Pool, ServerName: "localhost", MinVersion: version, MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	first := true
	c, err := client.Dial(addr, client.DialWithExplicitTLS(cfg), client.DialWithDialFunc(func(network, address string) (net.Conn, error) {
		nc, err := net.Dial(network, address)
		if err != nil || first {
			first = false
			return nc, err
		}
		return drained{tls.Client(nc, cfg)}, nil
	}))
	require.NoError(t, err)
	require.NoError(t, c.Login("u", "p"))
	return c
}

func TestGoFTP(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			f := serveFTP(t, tlsModes["reuse"])
			c := dialGo(t, f.addr(), f.cert, version)
			whole := f.random("whole", 3<<20+7)
			for range 6 { // more than there were tickets at the login
				require.NoError(t, c.Stor("whole", bytes.NewReader(whole)))
				f.stored("whole", whole)
			}
			for range 6 {
				r, err := c.Retr("whole")
				require.NoError(t, err)
				got, err := io.ReadAll(r)
				require.NoError(t, err)
				require.NoError(t, r.Close())
				require.True(t, bytes.Equal(whole, got))
			}
			require.NoError(t, c.StorFrom("whole", bytes.NewReader(whole[1<<20:]), 1<<20))
			f.stored("whole", whole)
			require.NoError(t, c.MakeDir("d"))
			require.NoError(t, c.Append("d/a", bytes.NewReader(whole)))
			require.NoError(t, c.SetTime("d/a", past()))
			entries, err := c.List("d")
			require.NoError(t, err)
			require.Len(t, entries, 1)
			assert.Equal(t, "a", entries[0].Name)
			assert.EqualValues(t, len(whole), entries[0].Size)
			assert.Equal(t, past(), entries[0].Time)
			e, err := c.GetEntry("d/a")
			require.NoError(t, err)
			assert.Equal(t, client.EntryTypeFile, e.Type)
			require.NoError(t, c.Rename("d/a", "b"))
			names, err := c.NameList("")
			require.NoError(t, err)
			assert.ElementsMatch(t, []string{"b", "d", "whole"}, names)
			require.NoError(t, c.RemoveDirRecur("d"))
			require.NoError(t, c.Delete("b"))
			require.NoError(t, c.Quit())
		})
	}
}

// bulkAuth lets everybody into one file system.
type bulkAuth struct{ home *memfs.FS }

func (a bulkAuth) Authenticate(context.Context, *auth.Request) (*auth.Identity, error) {
	return &auth.Identity{User: "u", Home: auth.Home(a.home)}, nil
}

// Two hundred uploads of 30 MB over TLS 1.3, where others have lost the ends of
// some (curl #6149, pyftpdlib #602): 180 from Go, 20 by curl.
func TestBulkUploads(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 6 GB")
	}
	curl := peer.Need(t, "curl", "curl")
	const size, workers = 30_000_000, 2
	data := make([]byte, size)
	rand.NewChaCha8(sha256.Sum256([]byte("bulk"))).Read(data)
	home, cert, seen := memfs.New(), peer.NewCertificate(t), &recorder{}
	addr := peer.Serve(t, &ftp.Server{
		Auth: bulkAuth{home}, TLS: &tls.Config{Certificates: []tls.Certificate{cert.TLS}, MinVersion: tls.VersionTLS13}, Sink: seen, Logger: seen.logger(),
	})
	file := filepath.Join(t.TempDir(), "bulk")
	require.NoError(t, os.WriteFile(file, data, 0o600))
	want := digest(data)

	check := func(name string) {
		ctx := t.Context()
		f, err := home.OpenFile(ctx, name, os.O_RDONLY, 0)
		if !assert.NoError(t, err) {
			return
		}
		defer f.Close()
		h := sha256.New()
		n, err := io.Copy(h, io.NewSectionReader(f, 0, 1<<40))
		assert.NoError(t, err)
		assert.EqualValues(t, size, n, name)
		assert.Equal(t, want, hex.EncodeToString(h.Sum(nil)), name)
		assert.NoError(t, home.Remove(ctx, name))
	}
	var wg sync.WaitGroup
	for w := range workers {
		c := dialGo(t, addr, cert, tls.VersionTLS13)
		wg.Go(func() {
			for i := range 90 {
				name := fmt.Sprintf("go-%d-%d", w, i)
				if assert.NoError(t, c.Stor(name, bytes.NewReader(data))) {
					check(name)
				}
			}
			assert.NoError(t, c.Quit())
		})
	}
	wg.Wait()
	r := &rig{t: t, here: t.TempDir()}
	for i := range 20 {
		name := fmt.Sprintf("curl-%d", i)
		r.ok(curl, "-sS", "-u", "u:p", "--ssl-reqd", "--cacert", cert.File, "-T", file, "ftp://"+addr+"/"+name)
		check(name)
	}
	count, total := seen.uploads()
	assert.Equal(t, 200, count)
	assert.Equal(t, 200*int64(size), total)
	assert.Empty(t, seen.failures())
	assert.Empty(t, seen.complaints())
}
