package ftp_test

import (
	"context"
	"crypto/tls"
	"flag"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/internal/transcript"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

var update = flag.Bool("update", false, "write what the server says into the transcripts")

// annOnly lets in "ann" with the password "secret".
func annOnly(home vfs.FS) auth.Authenticator {
	return auth.Func(func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
		if r.User != "ann" || r.Cred != auth.Password("secret") {
			return nil, auth.ErrDenied
		}
		return &auth.Identity{User: "ann", Home: auth.Home(home)}, nil
	})
}

func tlsConfig(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

// dialogueHome is what the transcripts find.
func dialogueHome(t testing.TB) vfs.FS {
	t.Helper()
	home := memfs.New()
	ctx := t.Context()
	for _, dir := range []string{"pub", "pub/empty", "drop"} {
		require.NoError(t, home.Mkdir(ctx, dir, 0o755))
	}
	for name, text := range map[string]string{
		"hello.txt": "hello\nworld\n", "pub/a b.txt": "blank", `pub/q"q`: "quote", "pub/ümläut": "utf8", "-a": "dash",
	} {
		f, err := vfs.CreateAtomic(ctx, home, name, 0o644)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte(text), 0)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	require.NoError(t, fs.WalkDir(vfs.IOFS(ctx, home), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return vfs.SetAttr(ctx, home, name, &vfs.Attr{Mask: vfs.AttrMtime, Mtime: when})
	}))
	return home
}

// TestTranscripts replays the dialogues in testdata: those with which clients
// begin, and one for each quirk.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	cert := peer.NewCertificate(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			script := string(raw)
			srv := &ftp.Server{
				Auth: annOnly(dialogueHome(t)), TLS: tlsConfig(cert.TLS),
				TLSMode: ftp.TLSOptional, Logger: slog.New(slog.DiscardHandler),
			}
			options(t, srv, script)
			nc, err := net.Dial("tcp", peer.Serve(t, srv))
			require.NoError(t, err)
			defer nc.Close()
			p := &transcript.Player{
				Conn: nc, Update: *update,
				TLS: &tls.Config{RootCAs: cert.Pool, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(1)},
			}
			require.NoError(t, p.Play(script))
			if *update {
				require.NoError(t, p.WriteBack(file, script))
			}
		})
	}
}

// options applies the lines "# option: name" of a transcript to srv.
func options(t *testing.T, srv *ftp.Server, script string) {
	t.Helper()
	for line := range strings.Lines(script) {
		name, found := strings.CutPrefix(strings.TrimSpace(line), "# option: ")
		if !found {
			continue
		}
		switch name {
		case "plain":
			srv.TLS, srv.TLSMode = nil, ftp.TLSAuto
		case "require tls":
			srv.TLSMode = ftp.TLSRequired
		case "require reuse":
			srv.Reuse = ftp.ReuseRequire
		case "mode z":
			srv.ModeZ = true
		case "ascii binary":
			srv.ASCII = ftp.ASCIIBinary
		case "ascii refuse":
			srv.ASCII = ftp.ASCIIRefuse
		case "passive only":
			srv.PassiveOnly = true
		case "deny site":
			srv.Deny = []string{"SITE", "DELE"}
		case "banner":
			srv.Banner = "Welcome.\nTwo rules:\nbe kind, be brief."
		case "require size":
			srv.PlainUpload = ftp.PlainRequireSize
		default:
			t.Fatalf("unknown option %q", name)
		}
	}
}
