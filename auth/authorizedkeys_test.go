package auth_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/auth"
)

func TestAuthorizedKeysFormat(t *testing.T) {
	ed := ed25519Blob(t)
	keys, err := auth.ParseAuthorizedKeys(strings.NewReader("\ufeff# a comment\r\n\r\n \t # another\n" +
		line("", ed) +
		"\t" + line(`restrict,PTY,no-X11-forwarding,Command="say \"hi\", \n you",from="10.0.0.0/8,!10.1.*"`, ecdsaBlob(t, elliptic.P384())) +
		line(`environment="A=b",permitopen="h:1",permitopen="h:2",permitlisten="1",tunnel="0",agent-forwarding,port-forwarding,user-rc`, rsaBlob(t, 2048)) +
		line(`cert-authority,principals="a b,c",expiry-time="20990101"`, ecdsaBlob(t, elliptic.P256())) +
		line("no-touch-required,verify-required", skBlob()) +
		strings.TrimSuffix(line("", ecdsaBlob(t, elliptic.P521())), " comment of it\n")))
	if err != nil {
		t.Fatal(err)
	}
	got := keys.Keys()
	if len(got) != 6 {
		t.Fatalf("got %d keys", len(got))
	}
	if k := got[0]; k.Line != 4 || k.Algo != "ssh-ed25519" || !bytes.Equal(k.Blob, ed) || k.Comment != "comment of it" {
		t.Errorf("plain key: %+v", k)
	}
	if k := got[1]; k.Command != `say "hi", \n you` || k.Line != 5 {
		t.Errorf("command: %q", k.Command)
	}
	if k := got[3]; !k.CertAuthority || fmt.Sprintf("%q", k.Principals) != `["a b" "c"]` || k.Expires.Year() != 2099 {
		t.Errorf("authority: %+v", k)
	}
	if k := got[4]; !k.NoTouchRequired || !k.VerifyRequired {
		t.Errorf("security key: %+v", k)
	}
	if k := got[5]; k.Comment != "" {
		t.Errorf("comment: %q", k.Comment)
	}
}

func TestAuthorizedKeysRefused(t *testing.T) {
	ed := ed25519Blob(t)
	b64 := base64.StdEncoding.EncodeToString
	dsa := ssh.Marshal(struct {
		Name       string
		P, Q, G, Y []byte
	}{"ssh-dss", []byte{1}, []byte{1}, []byte{1}, []byte{1}})
	evenRSA := rsaBlob(t, 2048)
	evenRSA[len(evenRSA)-1] &^= 1
	offCurve := ecdsaBlob(t, elliptic.P256())
	offCurve[len(offCurve)-1] ^= 1
	for what, text := range map[string]string{
		"unknown option":         line("become-root", ed),
		"unknown with value":     line(`sandbox="x"`, ed),
		"unknown after known":    line("restrict,become-root", ed),
		"unquoted value":         line("command=ls", ed),
		"missing end quote":      line(`command="ls`, ed),
		"escaped end quote":      line(`command="ls\"`, ed),
		"text after quote":       line(`command="ls"x`, ed),
		"flag with value":        line(`restrict="yes"`, ed),
		"blank after comma":      line("restrict, no-pty", ed),
		"trailing comma":         line("restrict,", ed),
		"leading comma":          line(",restrict", ed),
		"empty command":          line(`command=""`, ed),
		"command without value":  line("command", ed),
		"two commands":           line(`command="a",command="b"`, ed),
		"two from":               line(`from="1.2.3.4",from="*"`, ed),
		"empty from":             line(`from=""`, ed),
		"empty from item":        line(`from="1.2.3.4,,*"`, ed),
		"bad network":            line(`from="10.0.0.0/33"`, ed),
		"host bits":              line(`from="10.0.0.1/8"`, ed),
		"negated host":           line(`from="!host.example.org,*"`, ed),
		"bad time":               line(`expiry-time="20250230"`, ed),
		"fraction":               line(`expiry-time="20250101.000"`, ed),
		"short time":             line(`expiry-time="2025"`, ed),
		"principals, no CA":      line(`principals="a"`, ed),
		"empty principal":        line(`cert-authority,principals="a,,b"`, ed),
		"options only":           "restrict\n",
		"options and no key":     "restrict ssh-ed25519\n",
		"no key":                 "ssh-ed25519\n",
		"NUL":                    "ssh-ed25519 " + b64(ed) + " a\x00b\n",
		"bare CR":                "ssh-ed25519 " + b64(ed) + "\rssh-ed25519\n",
		"bad base 64":            "ssh-ed25519 " + b64(ed)[1:] + "\n",
		"unpadded":               "ssh-ed25519 " + strings.TrimRight(b64(ed[:50]), "=") + "\n",
		"type does not fit":      "ssh-rsa " + b64(ed) + "\n",
		"certificate":            "ssh-ed25519-cert-v01@openssh.com " + b64(ed) + "\n",
		"type case":              "SSH-ED25519 " + b64(ed) + "\n",
		"truncated":              line("", ed[:len(ed)-1]),
		"trailing bytes":         line("", append(bytes.Clone(ed), 0)),
		"huge inner length":      line("", append([]byte{0, 0, 0, 11}, "ssh-ed25519\xff\xff\xff\xff"...)),
		"RSA 1024":               line("", rsaBlob(t, 1024)),
		"RSA even":               line("", evenRSA),
		"DSA":                    line("", dsa),
		"point off the curve":    line("", offCurve),
		"P-256 called P-384":     strings.Replace(line("", ecdsaBlob(t, elliptic.P256())), "nistp256", "nistp384", 1),
		"very long line":         "# " + "x\n" + "ssh-ed25519 " + b64(ed) + strings.Repeat(" ", 40<<10) + "x\n",
		"SSH2 public key format": "---- BEGIN SSH2 PUBLIC KEY ----\n",
	} {
		good := ed25519Blob(t)
		keys, err := auth.ParseAuthorizedKeys(strings.NewReader(text + line("", good)))
		var le *auth.LineError
		if !errors.As(err, &le) || le.Line == 0 {
			t.Errorf("%s: error %v", what, err)
		}
		if keys == nil || len(keys.Keys()) != 1 || !bytes.Equal(keys.Keys()[0].Blob, good) {
			t.Errorf("%s: the bad line is in, or the good one is not", what)
		}
	}
}

func TestAuthorizedKeysBounds(t *testing.T) {
	keys, err := auth.ParseAuthorizedKeys(strings.NewReader(strings.Repeat("#\n", 3<<20)))
	if keys != nil || err == nil {
		t.Errorf("6 MiB: %v, %v", keys, err)
	}
	broken := errors.New("disk")
	if keys, err = auth.ParseAuthorizedKeys(readerFunc(func([]byte) (int, error) { return 0, broken })); keys != nil || !errors.Is(err, broken) {
		t.Errorf("broken reader: %v, %v", keys, err)
	}
	small := line("", rsaBlob(t, 1024))
	if _, err := (auth.KeyParser{MinRSABits: 512}).Parse(strings.NewReader(small)); err != nil {
		t.Errorf("RSA 1024 with a lower minimum: %v", err)
	}
	if _, err := (auth.KeyParser{MinRSABits: 3072}).Parse(strings.NewReader(line("", rsaBlob(t, 2048)))); err == nil {
		t.Error("RSA 2048 with a minimum of 3072")
	}
	var none *auth.AuthorizedKeys
	if _, err := none.Match(&auth.Request{User: "u", Cred: proven(ed25519Blob(t))}); !errors.Is(err, auth.ErrDenied) || none.Keys() != nil {
		t.Errorf("nil keys: %v", err)
	}
	if _, err := new(auth.AuthorizedKeys).Match(&auth.Request{User: "u", Cred: proven(nil)}); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("zero keys: %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestSSHKeygenAgrees lets OpenSSH make a file of keys.
func TestSSHKeygenAgrees(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("needs ssh-keygen to make keys")
	}
	for _, kind := range [][]string{{"ed25519"}, {"ecdsa", "-b", "256"}, {"ecdsa", "-b", "521"}, {"rsa", "-b", "3072"}} {
		name := filepath.Join(t.TempDir(), "key")
		args := append([]string{"-q", "-N", "", "-C", "who@host", "-f", name, "-t"}, kind...)
		if out, err := exec.CommandContext(t.Context(), keygen, args...).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
		keys, err := auth.KeyParser{}.Parse(openFile(t, name+".pub"))
		if err != nil || len(keys.Keys()) != 1 || keys.Keys()[0].Comment != "who@host" {
			t.Errorf("%v: %v", kind, err)
		}
	}
}

func TestKeyFrom(t *testing.T) {
	blob := ed25519Blob(t)
	for _, v := range []struct {
		from, addr string
		want       bool
	}{
		{"10.0.0.0/8", "10.1.2.3", true},
		{"10.0.0.0/8", "11.1.2.3", false},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"10.0.0.7", "10.0.0.7", true},
		{"10.0.0.7", "10.0.0.70", false},
		{"10.0.0.?", "10.0.0.7", true},
		{"10.0.0.?", "10.0.0.70", false},
		{"10.*", "10.0.0.70", true},
		{"*", "10.0.0.70", true},
		{"!10.0.0.7,10.0.0.0/8", "10.0.0.7", false},
		{"10.0.0.0/8,!10.0.0.7", "10.0.0.7", false},
		{"10.0.0.0/8,!10.0.0.7", "10.0.0.8", true},
		{"!10.0.0.7", "10.0.0.8", false},
		{"2001:DB8::1", "2001:db8:0:0::1", true},
		{"2001:DB8:*", "2001:db8::1", true},
		{"2001:db8::/32", "2001:db8::1", true},
		{"::ffff:10.0.0.7", "10.0.0.7", true},
		{"*.example.org,host", "10.0.0.7", false},
		{"0.0.0.0/0", "2001:db8::1", false},
	} {
		keys := mustKeys(t, line(`from="`+v.from+`"`, blob))
		_, err := keys.Match(&auth.Request{Conn: conn(v.addr), User: "u", Cred: proven(blob)})
		if (err == nil) != v.want || err != nil && !errors.Is(err, auth.ErrDenied) {
			t.Errorf("from=%q and %s: %v", v.from, v.addr, err)
		}
	}
	// Not knowing the address is no way around.
	keys := mustKeys(t, line(`from="*"`, blob))
	if _, err := keys.Match(&auth.Request{User: "u", Cred: proven(blob)}); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("no address: %v", err)
	}
}

func TestGlobIsLinear(t *testing.T) {
	start := time.Now()
	if auth.MatchGlob(strings.Repeat("*a", 2000)+"b", strings.Repeat("a", 10000)) {
		t.Error("matched")
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestKeyExpiry(t *testing.T) {
	blob := ed25519Blob(t)
	now := time.Now()
	for _, v := range []struct {
		text string
		want bool
	}{
		{"20200101", false},
		{"20200101Z", false},
		{now.UTC().Add(time.Hour).Format("200601021504") + "Z", true},
		{now.UTC().Add(-time.Hour).Format("20060102150405") + "Z", false},
		{now.Add(time.Hour).Format("20060102150405"), true},
		{now.Add(-time.Hour).Format("200601021504"), false},
		{"20991231", true},
	} {
		keys := mustKeys(t, line(`expiry-time="`+v.text+`"`, blob))
		_, err := keys.Match(&auth.Request{User: "u", Cred: proven(blob)})
		if (err == nil) != v.want {
			t.Errorf("expiry-time=%s: %v", v.text, err)
		}
	}
}

// TestDuplicateKeyLines: the first line that admits counts, as in OpenSSH.
func TestDuplicateKeyLines(t *testing.T) {
	blob := ed25519Blob(t)
	keys := mustKeys(t,
		line(`from="192.0.2.1",command="one"`, blob),
		line(`command="two"`, blob),
		line("", blob))
	m, err := keys.Match(&auth.Request{Conn: conn("192.0.2.9"), User: "u", Cred: proven(blob)})
	if err != nil || m.ForceCommand != "two" || m.Key.Line != 2 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestSecurityKey(t *testing.T) {
	blob := skBlob()
	key := func(presence, verification bool) auth.PublicKey {
		return auth.PublicKey{Blob: blob, Proven: true, Presence: presence, Verification: verification}
	}
	for _, v := range []struct {
		options string
		key     auth.PublicKey
		want    bool
	}{
		{"", key(false, false), false}, // CVE-2026-39831
		{"", key(false, true), false},
		{"", key(true, false), true},
		{"no-touch-required", key(false, false), true},
		{"verify-required", key(true, false), false},
		{"verify-required", key(true, true), true},
		{"no-touch-required,verify-required", key(false, false), false},
		{"", auth.PublicKey{Blob: blob}, true}, // a query can't tell yet
		{"verify-required", auth.PublicKey{Blob: blob}, true},
	} {
		_, err := mustKeys(t, line(v.options, blob)).Match(&auth.Request{User: "u", Cred: v.key})
		if (err == nil) != v.want {
			t.Errorf("%q with %+v: %v", v.options, v.key, err)
		}
	}
}

func FuzzAuthorizedKeys(f *testing.F) {
	f.Add("# comment\n" + line("", ed25519Blob(f)) + line(`command="a\"b",from="!1.2.3.4,*,10.0.0.0/8,::1"`, skBlob()))
	f.Add(line(`cert-authority,principals="a,b",expiry-time="20300101Z"`, ecdsaBlob(f, elliptic.P256())))
	f.Add(line("restrict,no-pty", rsaBlob(f, 2048)))
	f.Add(`a="`)
	f.Add(",=\",\"\\\" ssh-rsa AAAA\r\n\x00")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := auth.ParseAuthorizedKeys(strings.NewReader(text))
		if keys == nil {
			if err == nil {
				t.Fatal("neither keys nor an error")
			}
			return
		}
		for _, k := range keys.Keys() {
			checkParsedKey(t, keys, k)
		}
	})
}

// checkParsedKey compares an accepted line with x/crypto, and makes sure that
// it never admits what it should not.
func checkParsedKey(t *testing.T, keys *auth.AuthorizedKeys, k *auth.AuthorizedKey) {
	t.Helper()
	public, err := ssh.ParsePublicKey(k.Blob)
	if err != nil {
		t.Fatalf("x/crypto refuses %s %x: %v", k.Algo, k.Blob, err)
	}
	if public.Type() != k.Algo || !bytes.Equal(public.Marshal(), k.Blob) {
		t.Fatalf("x/crypto reads %s as %s", k.Algo, public.Type())
	}
	r := &auth.Request{Conn: conn("192.0.2.1"), User: "u", Cred: proven(k.Blob)}
	m, err := keys.Match(r)
	if err != nil {
		if !errors.Is(err, auth.ErrDenied) {
			t.Fatalf("Match: %v", err)
		}
		return
	}
	if m.Key.CertAuthority {
		t.Fatal("an authority's key logged in")
	}
	if m.Key.Command != m.ForceCommand {
		t.Fatal("the command got lost")
	}
}
