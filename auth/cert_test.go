package auth_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/auth"
)

func openFile(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// certified is a proven key in a certificate of ca for the principals.
func certified(blob, ca []byte, principals ...string) auth.PublicKey {
	return auth.PublicKey{Blob: blob, Proven: true, Cert: &auth.Cert{CA: ca, Principals: principals}}
}

func matches(t *testing.T, keys *auth.AuthorizedKeys, user string, key auth.PublicKey) bool {
	t.Helper()
	_, err := keys.Match(&auth.Request{Conn: conn("192.0.2.1"), User: user, Cred: key})
	if err != nil && !errors.Is(err, auth.ErrDenied) {
		t.Errorf("Match: %v", err)
	}
	return err == nil
}

// TestCommaPrincipal is CVE-2026-35414: a principal is one name, whatever is in
// it.
func TestCommaPrincipal(t *testing.T) {
	blob, ca := ed25519Blob(t), ed25519Blob(t)
	plain := mustKeys(t, line("cert-authority", ca))
	listed := mustKeys(t, line(`cert-authority,principals="deploy,ops"`, ca))
	for _, v := range []struct {
		keys       *auth.AuthorizedKeys
		user       string
		principals []string
		want       bool
	}{
		{plain, "root", []string{"deploy,root"}, false},
		{plain, "root", []string{"root,"}, false},
		{plain, "root", []string{"root "}, false},
		{plain, "root", []string{"ROOT"}, false},
		{plain, "root", []string{"deploy", "root"}, true},
		{plain, "deploy,root", []string{"deploy", "root"}, false},
		{plain, "root", nil, false},
		{plain, "root", []string{""}, false},
		{plain, "", []string{""}, false},
		{plain, "", nil, false},
		{plain, "root", []string{"*"}, false},
		{listed, "root", []string{"ops"}, true},
		{listed, "root", []string{"root"}, false},
		{listed, "root", []string{"deploy,ops"}, false},
		{listed, "root", nil, false},
		{listed, "root", []string{""}, false},
	} {
		if got := matches(t, v.keys, v.user, certified(blob, ca, v.principals...)); got != v.want {
			t.Errorf("user %q, principals %q: %v", v.user, v.principals, got)
		}
	}
}

// TestCertAndKeyDoNotMix: an authority's key is no login key, and a login key
// makes no authority.
func TestCertAndKeyDoNotMix(t *testing.T) {
	blob, ca := ed25519Blob(t), ed25519Blob(t)
	authority := mustKeys(t, line("cert-authority", ca))
	plain := mustKeys(t, line("", ca), line("", blob))
	if matches(t, authority, "u", proven(ca)) {
		t.Error("the authority's own key logged in")
	}
	if matches(t, authority, "u", proven(blob)) {
		t.Error("a key without its certificate logged in")
	}
	if matches(t, plain, "u", certified(blob, ca, "u")) {
		t.Error("a plain key signed a certificate")
	}
	if matches(t, authority, "u", certified(blob, ed25519Blob(t), "u")) {
		t.Error("a foreign authority")
	}
	if matches(t, authority, "u", certified(rsaBlob(t, 1024), ca, "u")) {
		t.Error("a short RSA key in a certificate")
	}
	if !matches(t, authority, "u", certified(blob, ca, "u")) {
		t.Error("a good certificate is denied")
	}
}

func TestCertOptions(t *testing.T) {
	blob, ca, sk := ed25519Blob(t), ed25519Blob(t), skBlob()
	options := func(name, value string) map[string]string { return map[string]string{name: value} }
	for _, v := range []struct {
		what, line string
		blob       []byte
		cert       auth.Cert
		want       bool
		command    string
	}{
		{what: "force-command", cert: auth.Cert{CriticalOptions: options("force-command", "a")}, want: true, command: "a"},
		{what: "both equal", line: `,command="a"`, cert: auth.Cert{CriticalOptions: options("force-command", "a")}, want: true, command: "a"},
		{what: "both differ", line: `,command="b"`, cert: auth.Cert{CriticalOptions: options("force-command", "a")}},
		{what: "line only", line: `,command="b"`, want: true, command: "b"},
		{what: "empty force-command", cert: auth.Cert{CriticalOptions: options("force-command", "")}},
		{what: "unknown critical option", cert: auth.Cert{CriticalOptions: options("no-such-thing", "")}},
		{what: "unknown extension", cert: auth.Cert{Extensions: options("permit-pty", "")}, want: true},
		{what: "source-address", cert: auth.Cert{CriticalOptions: options("source-address", "192.0.2.0/24,10.0.0.1")}, want: true},
		{what: "other source-address", cert: auth.Cert{CriticalOptions: options("source-address", "198.51.100.0/24")}},
		{what: "bad source-address", cert: auth.Cert{CriticalOptions: options("source-address", "")}},
		{what: "expired", cert: auth.Cert{ValidBefore: time.Now().Add(-time.Second)}},
		{what: "not yet", cert: auth.Cert{ValidAfter: time.Now().Add(time.Hour)}},
		{what: "in time", cert: auth.Cert{ValidAfter: time.Now().Add(-time.Hour), ValidBefore: time.Now().Add(time.Hour)}, want: true},
		{what: "line expired", line: `,expiry-time="20200101"`},
		{what: "line elsewhere", line: `,from="198.51.100.1"`},
		{what: "untouched", blob: sk},
		{what: "no-touch in the line only", line: ",no-touch-required", blob: sk},
		{what: "no-touch in the certificate only", blob: sk, cert: auth.Cert{Extensions: options("no-touch-required", "")}},
		{what: "no-touch in both", line: ",no-touch-required", blob: sk, cert: auth.Cert{Extensions: options("no-touch-required", "")}, want: true},
		{what: "verify-required", cert: auth.Cert{CriticalOptions: options("verify-required", "")}},
	} {
		keys := mustKeys(t, line("cert-authority"+v.line, ca))
		v.cert.CA, v.cert.Principals = ca, []string{"u"}
		if v.blob == nil {
			v.blob = blob
		}
		m, err := keys.Match(&auth.Request{Conn: conn("192.0.2.1"), User: "u",
			Cred: auth.PublicKey{Blob: v.blob, Proven: true, Cert: &v.cert}})
		if (err == nil) != v.want || err != nil && !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: %v", v.what, err)
		}
		if err == nil && m.ForceCommand != v.command {
			t.Errorf("%s: command %q", v.what, m.ForceCommand)
		}
	}
}

// TestTrustedCAs: an authority for all users admits each only by his name,
// whatever its line says.
func TestTrustedCAs(t *testing.T) {
	blob, ca := ed25519Blob(t), ed25519Blob(t)
	cas, err := auth.KeyParser{Authorities: true}.Parse(strings.NewReader(line(`principals="ops,ann"`, ca)))
	if err != nil {
		t.Fatal(err)
	}
	s := &auth.Static{TrustedCAs: cas, Users: map[string]*auth.User{"ann": {Home: home(t)}, "root": {Home: home(t)}, "off": nil}}
	let(t, s, &auth.Request{User: "ann", Cred: certified(blob, ca, "ann")})
	deny(t, s, &auth.Request{User: "root", Cred: certified(blob, ca, "ops")})
	deny(t, s, &auth.Request{User: "root", Cred: certified(blob, ca, "root")})
	deny(t, s, &auth.Request{User: "nobody", Cred: certified(blob, ca, "nobody", "ann")})
	deny(t, s, &auth.Request{User: "off", Cred: certified(blob, ca, "off")})
	deny(t, s, &auth.Request{User: "ann", Cred: proven(ca)})
	if got := auth.Offers(s); len(got) != 1 || got[0] != auth.MethodPublicKey {
		t.Errorf("Offers = %v", got)
	}
}
