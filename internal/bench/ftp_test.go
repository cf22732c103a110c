package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	programs "github.com/quaymaster/quaymaster/internal/peer"
)

func needProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("needs Linux's /proc")
	}
}

// Ours, curl and the lean client at work, beside the servers that are installed.
// Uploads over TLS are left out: vsftpd now and then refuses those of curl.
func TestFTPSuite(t *testing.T) {
	needProc(t)
	programs.Need(t, "curl", "curl")
	document := filepath.Join(t.TempDir(), "doc.md")
	begin, end := markers("ftp")
	require.NoError(t, os.WriteFile(document, []byte("before\n"+begin+"\n"+end+"\nafter\n"), 0o600))
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), []string{"ftp", "-size", "1MiB", "-runs", "1", "-case", "^(get/plain|put/plain|small/|login/tls|listing/)",
		"-markdown", document, "-unpacked", t.TempDir()}, &stdout, &stderr)
	require.NoError(t, err, stderr.String())
	for _, want := range []string{`get/plain +time `, `put/plain +server CPU `, `small/plain +put .*/s`, `small/tls +get .*/s`, `login/tls +logins`, `listing/list +time`, `listing/mlsd +memory .* MiB`} {
		assert.Regexp(t, want, stdout.String())
	}
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	assert.Regexp(t, `(?s)^before\n.*\| get/plain \| time \|.*\nafter\n$`, string(text))
	assert.Contains(t, string(text), "\n- curl ")
}

// A server that can't run here is named, and not measured.
func TestLeaveOut(t *testing.T) {
	var progress bytes.Buffer
	there, missing := &peer{name: ours}, &peer{name: "other", title: "Other", find: func(*rig) error { return errors.New("it is missing") }}
	r := &runner{suite: &suite{peers: []*peer{there, missing}}, progress: &progress}
	assert.Equal(t, []string{"Other was left out: it is missing"}, r.leaveOut())
	assert.Equal(t, []*peer{there}, r.suite.peers)
	assert.Contains(t, progress.String(), "Other was left out")
}

// A server that lacks what a case is about does not end it; ours must have it.
func TestNotOffered(t *testing.T) {
	needProc(t)
	sleeper := func(name string) *peer {
		p := &peer{name: name}
		p.start = func(_ context.Context, r *rig, _ *benchCase) (*server, error) {
			s := &server{peer: p, rig: r, log: filepath.Join(r.dir, name+".log"), cmd: exec.Command("sleep", "600")}
			s.quit = s.terminate
			return s, s.launch()
		}
		return p
	}
	for lacking, want := range map[string][]string{"second": {ours, "third"}, ours: nil} {
		r := &runner{
			suite: &suite{peers: []*peer{sleeper(ours), sleeper("second"), sleeper("third")}}, options: options{runs: 1},
			rig: &rig{dir: t.TempDir()}, progress: new(bytes.Buffer),
		}
		res := r.runCase(t.Context(), &benchCase{measure: func(_ context.Context, s *server, _ checking) (values, error) {
			if s.peer.name == lacking {
				return nil, errNotOffered
			}
			return values{}, nil
		}})
		var measured []string
		for _, p := range r.suite.peers {
			if len(res.rounds[p.name]) > 0 {
				measured = append(measured, p.name)
			}
		}
		assert.Equal(t, want, measured)
		assert.Equal(t, lacking == ours, errors.Is(res.err, errNotOffered), "%v", res.err)
	}
}

func TestEPSVPort(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int // 0: an error
	}{
		{"Entering Extended Passive Mode (|||6446|)", 6446},
		{"Extended Passive mode OK (|||1|).", 1},
		{"(|||65535|)", 65535},
		{"(|||65536|)", 0},
		{"(|||0|)", 0},
		{"(|||-1|)", 0},
		{"(|||6446)", 0},
		{"(|1|127.0.0.1|6446|)", 0},
		{"", 0},
	} {
		got, err := epsvPort(tt.text)
		assert.Equal(t, tt.want, got, tt.text)
		assert.Equal(t, tt.want == 0, err != nil, tt.text)
	}
}

func TestCurlTime(t *testing.T) {
	got, err := curlTime("0.250000 1.750000")
	require.NoError(t, err)
	assert.InDelta(t, 1.5, got, 1e-9)
	for _, bad := range []string{"", "1", "0.000000 1.5", "2 1", "1 x"} {
		_, err := curlTime(bad)
		assert.Error(t, err, bad)
	}
}

func TestListsFile(t *testing.T) {
	for _, tt := range []struct {
		verb, line string
		want       bool
	}{
		{"LIST", "-rw-r--r--    1 0        0               0 Nov 24 23:42 file\r\n", true},
		{"LIST", "drwxr-xr-x    1 0        0               0 Nov 24 23:42 dir\r\n", false},
		{"LIST", "total 12\r\n", false},
		{"LIST", "", false},
		{"MLSD", "type=file;size=0; file\r\n", true},
		{"MLSD", "Size=0;Type=file;Perm=r; file\r\n", true},
		{"MLSD", "type=cdir; .\r\n", false},
		{"MLSD", "type=dir; type=file\r\n", false},
	} {
		assert.Equal(t, tt.want, listsFile(tt.verb, []byte(tt.line)), tt.line)
	}
}

// A ticket that was used is used again, until there is a newer one.
func TestTicket(t *testing.T) {
	var k ticket
	_, ok := k.Get("any")
	assert.False(t, ok)
	first, second := new(tls.ClientSessionState), new(tls.ClientSessionState)
	for _, put := range []*tls.ClientSessionState{first, nil} {
		k.Put("any", put)
		got, ok := k.Get("other")
		assert.True(t, ok)
		assert.Same(t, first, got)
	}
	k.Put("any", second)
	got, _ := k.Get("any")
	assert.Same(t, second, got)
}

// Unpacked programs are found where they are, and have their libraries.
func TestFindProgram(t *testing.T) {
	tree := t.TempDir()
	path := filepath.Join(tree, "usr/sbin/quaymaster-bench-test")
	lib := filepath.Join(tree, "usr/lib/any-linux-gnu")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.MkdirAll(lib, 0o755))
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\necho \"$1 $LD_LIBRARY_PATH\" >&0; echo more\n"), 0o755))

	_, err := findProgram("quaymaster-bench-test", "a-package", "")
	assert.ErrorContains(t, err, "a-package")
	p, err := findProgram("quaymaster-bench-test", "a-package", tree)
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(tree, "usr/lib/x"), p.modules("usr/lib/x"))
	assert.Equal(t, "/usr/lib/x", program{}.modules("usr/lib/x"))
	assert.Equal(t, "says "+lib+":"+filepath.Join(tree, "usr/lib"), firstLine(p.command("says")))
	assert.Empty(t, firstLine(exec.Command(filepath.Join(tree, "none"))))
}

// What all servers get is a certificate that clients of loopback trust.
func TestSelfSigned(t *testing.T) {
	text, err := selfSigned()
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(text, text)
	require.NoError(t, err)
	require.NoError(t, pair.Leaf.VerifyHostname(net.IPv4(127, 0, 0, 1).String()))
}
