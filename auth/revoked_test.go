package auth_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/peer"
)

func certOf(ca []byte, serial uint64, id string) auth.PublicKey {
	return auth.PublicKey{Proven: true, Blob: []byte("key"), Cert: &auth.Cert{CA: ca, Serial: serial, KeyID: id, Principals: []string{"u"}}}
}

// keygen is a directory in which ssh-keygen runs.
type keygen struct {
	t   *testing.T
	dir string
}

func newKeygen(t *testing.T) keygen {
	t.Helper()
	peer.Need(t, "ssh-keygen", "openssh-client")
	return keygen{t, t.TempDir()}
}

func (k keygen) run(args ...string) string {
	k.t.Helper()
	cmd := exec.Command("ssh-keygen", args...)
	cmd.Dir = k.dir
	out, err := cmd.CombinedOutput()
	require.NoError(k.t, err, "ssh-keygen %v: %s", args, out)
	return string(out)
}

// key writes a new public key to name, and returns its blob.
func (k keygen) key(name, kind string) []byte {
	k.t.Helper()
	k.run("-q", "-t", kind, "-N", "", "-f", name)
	return k.blob(name + ".pub")
}

func (k keygen) blob(name string) []byte {
	k.t.Helper()
	text, err := os.ReadFile(filepath.Join(k.dir, name))
	require.NoError(k.t, err)
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	require.NoError(k.t, err)
	return public.Marshal()
}

// krl makes a list of a specification, see ssh-keygen(1), and more arguments.
func (k keygen) krl(spec string, args ...string) *auth.RevokedKeys {
	k.t.Helper()
	require.NoError(k.t, os.WriteFile(filepath.Join(k.dir, "spec"), []byte(spec), 0o600))
	k.run(append(append([]string{"-q", "-k", "-f", "krl"}, args...), "spec")...)
	return k.read("krl")
}

func (k keygen) read(name string) *auth.RevokedKeys {
	k.t.Helper()
	f, err := os.Open(filepath.Join(k.dir, name))
	require.NoError(k.t, err)
	defer f.Close()
	keys, err := auth.ParseRevokedKeys(f)
	require.NoError(k.t, err)
	return keys
}

func TestKRLKeys(t *testing.T) {
	k := newKeygen(t)
	blobs := map[string][]byte{}
	for _, name := range []string{"a", "b", "c", "free"} {
		blobs[name] = k.key(name, "ed25519")
	}
	blobs["rsa"] = k.key("rsa", "rsa")
	pub := func(name string) string {
		text, err := os.ReadFile(filepath.Join(k.dir, name+".pub"))
		require.NoError(t, err)
		return string(text)
	}
	for kind, list := range map[string]*auth.RevokedKeys{
		"key":    k.krl("key: " + pub("a") + "key: " + pub("rsa") + "key: " + pub("b")),
		"sha1":   k.krl("sha1: " + pub("a") + "sha1: " + pub("rsa") + "sha1: " + pub("b")),
		"sha256": k.krl("sha256: " + pub("a") + "sha256: " + pub("rsa") + "sha256: " + pub("b")),
		"mixed":  k.krl("sha256: " + pub("a") + "sha1: " + pub("rsa") + "key: " + pub("b")),
	} {
		for name, blob := range blobs {
			err := list.Check(&auth.PublicKey{Blob: blob})
			viaCA := certOf(blob, 1, "x")
			caErr := list.Check(&viaCA)
			if name == "c" || name == "free" {
				assert.NoError(t, err, "%s %s", kind, name)
				assert.NoError(t, caErr, "%s %s", kind, name)
				continue
			}
			assert.ErrorIs(t, err, auth.ErrDenied, "%s %s", kind, name)
			assert.ErrorIs(t, caErr, auth.ErrDenied, "%s %s", kind, name)
		}
	}
	assert.NoError(t, (*auth.RevokedKeys)(nil).Check(&auth.PublicKey{}))
}

func TestKRLCertificates(t *testing.T) {
	k := newKeygen(t)
	ca, other := k.key("ca", "ed25519"), k.key("other", "ecdsa")
	// Close ones become bitmaps or lists, long runs become ranges.
	list := k.krl("serial: 1\nserial: 3\nserial: 4\nserial: 9\nserial: 100-2000\nserial: 1500-3000\n"+
		"serial: 18446744073709551615\nserial: 5000000000\nid: mallory\nid: \n", "-s", "ca.pub", "-z", "7")
	all := map[uint64]bool{1: true, 3: true, 4: true, 9: true, 100: true, 1000: true, 2000: true, 2500: true, 3000: true, 5000000000: true, 1<<64 - 1: true}
	for _, serial := range []uint64{0, 1, 2, 3, 4, 5, 8, 9, 10, 99, 100, 1000, 2000, 2500, 3000, 3001, 4999999999, 5000000000, 5000000001, 1<<64 - 2, 1<<64 - 1} {
		cert := certOf(ca, serial, "alice")
		if all[serial] {
			assert.ErrorIs(t, list.Check(&cert), auth.ErrDenied, "%d", serial)
		} else {
			assert.NoError(t, list.Check(&cert), "%d", serial)
		}
		cert = certOf(other, serial, "mallory")
		assert.NoError(t, list.Check(&cert), "another authority")
		cert = certOf(ca, serial, "mallory")
		assert.Error(t, list.Check(&cert), "by its ID")
	}
	// Without an authority (-s none) the list is about all of them.
	list = k.krl("serial: 5\nid: mallory\n", "-s", "none")
	for _, authority := range [][]byte{ca, other} {
		bad, worse, good := certOf(authority, 5, "x"), certOf(authority, 6, "mallory"), certOf(authority, 6, "x")
		assert.Error(t, list.Check(&bad))
		assert.Error(t, list.Check(&worse))
		assert.NoError(t, list.Check(&good))
	}
	// -u adds to a list. This is what an authority's own revocation looks like.
	k.run("-q", "-k", "-u", "-f", "krl", "other.pub")
	list = k.read("krl")
	cert := certOf(other, 77, "x")
	assert.ErrorContains(t, list.Check(&cert), "authority")
	cert = certOf(ca, 5, "x")
	assert.Error(t, list.Check(&cert))
}

// Every serial of sparse and dense lists, so that each of the encodings that
// ssh-keygen chooses among is read right.
func TestKRLEncodings(t *testing.T) {
	k := newKeygen(t)
	ca := k.key("ca", "ed25519")
	for _, step := range []uint64{1, 2, 3, 7, 50, 1000} {
		var spec strings.Builder
		for i := range uint64(60) {
			fmt.Fprintf(&spec, "serial: %d\n", 10+i*step)
		}
		list := k.krl(spec.String(), "-s", "ca.pub")
		for serial := uint64(1); serial < 10+65*step; serial++ {
			cert := certOf(ca, serial, "x")
			want := serial >= 10 && (serial-10)%step == 0 && (serial-10)/step < 60
			if got := list.Check(&cert) != nil; got != want {
				t.Fatalf("step %d, serial %d: revoked %v, want %v", step, serial, got, want)
			}
		}
	}
}

func TestRevokedPlainKeys(t *testing.T) {
	first, second, weak := ed25519Blob(t), ed25519Blob(t), rsaBlob(t, 1024)
	list, err := auth.ParseRevokedKeys(strings.NewReader("# lost\n\n  " + line("", first) + "\t\r\n" + line("", weak)))
	require.NoError(t, err)
	assert.ErrorIs(t, list.Check(&auth.PublicKey{Blob: first}), auth.ErrDenied)
	assert.ErrorIs(t, list.Check(&auth.PublicKey{Blob: weak}), auth.ErrDenied, "also what could not log in")
	assert.NoError(t, list.Check(&auth.PublicKey{Blob: second}))
	cert := certOf(first, 1, "x")
	assert.ErrorIs(t, list.Check(&cert), auth.ErrDenied)

	for name, text := range map[string]string{
		"no key": "ssh-ed25519\n", "not base 64": "ssh-ed25519 ????\n", "another type": strings.Replace(line("", first), "ssh-ed25519", "ssh-rsa", 1),
		"options": line(`from="x"`, first), "one of two": line("", first) + "garbage\n", "binary": "SSHKRL\n\x01",
		"certificate": line("", ssh.Marshal(struct{ A, B string }{"ssh-ed25519-cert-v01@openssh.com", "x"})),
	} {
		_, err := auth.ParseRevokedKeys(strings.NewReader(text))
		assert.Error(t, err, name)
	}
	_, err = auth.ParseRevokedKeys(bytes.NewReader(make([]byte, 16<<20+1)))
	assert.ErrorContains(t, err, "more than")
}

// krlOf builds a list of sections by hand.
func krlOf(sections ...[]byte) []byte {
	head := append([]byte("SSHKRL\n\x00"), ssh.Marshal(struct {
		Format               uint32
		Version, Date, Flags uint64
		Reserved, Comment    string
	}{1, 1, 1, 0, "", "by hand"})...)
	return append(head, bytes.Join(sections, nil)...)
}

func section(kind byte, fields ...[]byte) []byte {
	return ssh.Marshal(struct {
		Kind byte
		Data []byte
	}{kind, bytes.Join(fields, nil)})
}

func str(s string) []byte { return ssh.Marshal(struct{ S string }{s}) }

func num(n ...uint64) (out []byte) {
	for _, n := range n {
		out = binary.BigEndian.AppendUint64(out, n)
	}
	return out
}

func TestKRLRefused(t *testing.T) {
	certs := func(sections ...[]byte) []byte {
		return section(1, str("ca"), str(""), bytes.Join(sections, nil))
	}
	good := krlOf(certs(section(0x20, num(1, 2)), section(0x21, num(5, 9)), section(0x22, num(20), str("\x05"))),
		section(255, str("note"), []byte{0}, str("x")), certs(section(0x39, str("note"), []byte{0}, str("x"))))
	list, err := auth.ParseRevokedKeys(bytes.NewReader(good))
	require.NoError(t, err)
	for serial, want := range map[uint64]bool{1: true, 3: false, 5: true, 9: true, 10: false, 20: true, 21: false, 22: true, 23: false, 300: false} {
		cert := certOf([]byte("ca"), serial, "x")
		assert.Equal(t, want, list.Check(&cert) != nil, "%d", serial)
	}
	for n := range good { // nothing that is cut off may pass for a shorter list
		_, err := auth.ParseRevokedKeys(bytes.NewReader(good[:n]))
		if err == nil && n != 0 && !endsSection(good, n) {
			t.Errorf("%d of %d bytes are taken", n, len(good))
		}
	}
	version := krlOf()
	version[11] = 2
	for name, data := range map[string][]byte{
		"version":                version,
		"unknown section":        krlOf(section(6)),
		"signature":              krlOf(section(4, str("key"), str("sig"))),
		"critical extension":     krlOf(section(255, str("new"), []byte{1}, str(""))),
		"odd boolean":            krlOf(section(255, str("new"), []byte{2}, str(""))),
		"short sha1":             krlOf(section(3, str("short"))),
		"short sha256":           krlOf(section(5, str(strings.Repeat("x", 20)))),
		"empty key":              krlOf(section(2, str(""))),
		"unknown cert section":   krlOf(certs(section(0x24))),
		"critical cert":          krlOf(certs(section(0x39, str("new"), []byte{1}, str("")))),
		"half a serial":          krlOf(certs(section(0x20, []byte{1}))),
		"backward range":         krlOf(certs(section(0x21, num(2, 1)))),
		"long range":             krlOf(certs(section(0x21, num(1, 2, 3)))),
		"negative bitmap":        krlOf(certs(section(0x22, num(1), str("\x80")))),
		"bitmap with more":       krlOf(certs(section(0x22, num(1), str("\x01"), str("")))),
		"trailing byte":          append(krlOf(certs()), 0),
		"trailing byte in certs": krlOf(section(1, str("ca"), str(""), []byte{0x20})),
	} {
		_, err := auth.ParseRevokedKeys(bytes.NewReader(data))
		assert.Error(t, err, name)
	}
}

// endsSection tells whether data[:n] is a list of whole sections.
func endsSection(data []byte, n int) bool {
	at := len(krlOf())
	for at < n {
		at += 5 + int(binary.BigEndian.Uint32(data[at+1:]))
	}
	return at == n
}

func FuzzParseRevokedKeys(f *testing.F) {
	f.Add([]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICMPlFGUkELOhli3tXjdJXXE5tznxgSVvdVBbDy11ihz\n"))
	f.Add(krlOf(section(1, str("ca"), str(""), section(0x20, num(1, 2)), section(0x21, num(5, 9)), section(0x22, num(20), str("\x05")),
		section(0x23, str("id")), section(0x39, str("x"), []byte{0}, str("")))))
	f.Add(krlOf(section(2, str("key")), section(3, str(strings.Repeat("1", 20))), section(5, str(strings.Repeat("2", 32)))))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := auth.ParseRevokedKeys(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, serial := range []uint64{0, 1, 20, 1<<64 - 1} {
			cert := certOf([]byte("ca"), serial, "id")
			_ = list.Check(&cert)
		}
	})
}

func TestStaticRevokedKeys(t *testing.T) {
	name := filepath.Join(t.TempDir(), "revoked")
	mine, caPublic := ed25519Blob(t), ed25519Blob(t)
	s := &auth.Static{Hasher: cheap(), RevokedKeys: &auth.RevokedKeysFile{Path: name},
		TrustedCAs: mustKeys(t, line("cert-authority", caPublic)),
		Users:      map[string]*auth.User{"u": {AuthorizedKeys: mustKeys(t, line("", mine)), PasswordHash: hashOf(t, "p"), Home: home(t)}}}
	key := &auth.Request{User: "u", Cred: proven(mine)}
	cert := certOf(caPublic, 5, "id")
	cert.Blob = ed25519Blob(t)
	byCert := &auth.Request{User: "u", Cred: cert}
	unusable := func() {
		t.Helper()
		for _, r := range []*auth.Request{key, byCert, {User: "nobody", Cred: proven(mine)}} {
			id, err := s.Authenticate(t.Context(), r)
			assert.Nil(t, id)
			assert.Error(t, err)
			assert.NotErrorIs(t, err, auth.ErrDenied)
		}
		let(t, s, &auth.Request{User: "u", Cred: auth.Password("p")}) // that is no key
		assert.Error(t, s.Check())
	}
	write := func(data []byte) { require.NoError(t, os.WriteFile(name, data, 0o600)) }
	unusable() // there is no such file
	write([]byte("garbage"))
	unusable()
	write(nil)
	require.NoError(t, s.Check())
	let(t, s, key)
	let(t, s, byCert)
	write([]byte(line("", mine)))
	deny(t, s, key)
	deny(t, s, &auth.Request{User: "u", Cred: auth.PublicKey{Blob: mine}}) // nor would it do
	let(t, s, byCert)
	write([]byte(line("", caPublic))) // CVE-2026-42508: a revoked authority
	let(t, s, key)
	deny(t, s, byCert)
	write(krlOf(section(1, ssh.Marshal(struct{ CA []byte }{caPublic}), str(""), section(0x20, num(5)))))
	deny(t, s, byCert)
	other := cert
	other.Cert = &auth.Cert{CA: caPublic, Serial: 6, Principals: []string{"u"}}
	let(t, s, &auth.Request{User: "u", Cred: other})
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(name, 0o666))
		unusable()
		require.NoError(t, os.Chmod(name, 0o600))
	}
	// Between two factors, too.
	s.Users["u"].Require = [][]auth.Method{{auth.MethodPublicKey, auth.MethodPassword}}
	part(t, s, key)
	write([]byte(line("", mine)))
	deny(t, s, &auth.Request{User: "u", Cred: auth.Password("p"), Passed: []auth.Credential{proven(mine)}})
}

// A real certificate, revoked as an administrator does it.
func TestKRLOfRealCertificate(t *testing.T) {
	k := newKeygen(t)
	ca := k.key("ca", "ed25519")
	blob := k.key("user", "ed25519")
	k.run("-q", "-s", "ca", "-I", "ann@laptop", "-n", "u", "-z", "42", "user.pub")
	for _, revoked := range [][]string{{"-s", "ca.pub", "user-cert.pub"}, {"user-cert.pub"}} {
		k.run(append([]string{"-q", "-k", "-f", "krl"}, revoked...)...)
		list := k.read("krl")
		cert := certOf(ca, 42, "ann@laptop")
		cert.Blob = blob
		assert.ErrorIs(t, list.Check(&cert), auth.ErrDenied, "%v", revoked)
		cert.Cert.Serial = 43
		assert.NoError(t, list.Check(&cert), "%v: the next certificate for the same key", revoked)
		assert.NoError(t, list.Check(&auth.PublicKey{Blob: blob}), "%v: the key without it", revoked)
	}
}
