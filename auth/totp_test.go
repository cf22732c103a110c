package auth_test

import (
	"context"
	"crypto"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/auth"
)

// The vectors of RFC 6238, appendix B, with the seeds of its errata, and those
// of RFC 4226, appendix D, which are its first steps with SHA-1 and 6 digits.
func TestTOTPVectors(t *testing.T) {
	const seed = "1234567890123456789012345678901234567890123456789012345678901234"
	keys := map[crypto.Hash]*auth.TOTPKey{
		crypto.SHA1:   {Secret: []byte(seed[:20]), Digits: 8},
		crypto.SHA256: {Secret: []byte(seed[:32]), Digits: 8, Hash: crypto.SHA256},
		crypto.SHA512: {Secret: []byte(seed), Digits: 8, Hash: crypto.SHA512},
	}
	for _, v := range []struct {
		at   int64
		code [3]string
	}{
		{59, [3]string{"94287082", "46119246", "90693936"}},
		{1111111109, [3]string{"07081804", "68084774", "25091201"}},
		{1111111111, [3]string{"14050471", "67062674", "99943326"}},
		{1234567890, [3]string{"89005924", "91819424", "93441116"}},
		{2000000000, [3]string{"69279037", "90698825", "38618901"}},
		{20000000000, [3]string{"65353130", "77737706", "47863826"}},
	} {
		for i, h := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA512} {
			code, err := keys[h].Code(time.Unix(v.at, 0))
			require.NoError(t, err)
			assert.Equal(t, v.code[i], code, "%v at %d", h, v.at)
		}
	}
	short := &auth.TOTPKey{Secret: []byte(seed[:20])}
	for step, want := range strings.Fields("755224 287082 359152 969429 338314 254676 287922 162583 399871 520489") {
		code, err := short.Code(time.Unix(int64(step)*30+29, 0))
		require.NoError(t, err)
		assert.Equal(t, want, code)
	}
	seven := &auth.TOTPKey{Secret: []byte(seed[:20]), Digits: 7, Period: time.Minute}
	code, err := seven.Code(time.Unix(119, 0)) // step 1
	require.NoError(t, err)
	assert.Equal(t, "4287082", code)
}

func TestTOTPKeyURI(t *testing.T) {
	key := &auth.TOTPKey{Secret: []byte("12345678901234567890"), Hash: crypto.SHA256, Digits: 8, Period: time.Minute}
	uri := key.URI("Quay & Co", "ann@example.com")
	assert.Equal(t, "otpauth://totp/Quay%20%26%20Co:ann%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"+
		"&issuer=Quay%20%26%20Co&algorithm=SHA256&digits=8&period=60", uri)
	u, err := url.Parse(uri)
	require.NoError(t, err)
	assert.Equal(t, "Quay & Co", u.Query().Get("issuer"))
	back, err := auth.ParseTOTPKey(uri)
	require.NoError(t, err)
	assert.Equal(t, *key, *back)

	fresh := auth.NewTOTPKey()
	assert.Len(t, fresh.Secret, 20)
	back, err = auth.ParseTOTPKey(fresh.URI("", "x"))
	require.NoError(t, err)
	assert.Equal(t, fresh.Secret, back.Secret)
	assert.NotEqual(t, fresh.Secret, auth.NewTOTPKey().Secret)

	for _, text := range []string{"gezd gnbv gy3t qojq gezd gnbv gy3t qojq", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ====",
		"otpauth://totp/x?secret=gezdgnbvgy3tqojqgezdgnbvgy3tqojq&image=y", "OTPAUTH://totp/x:y?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=sha1"} {
		k, err := auth.ParseTOTPKey(text)
		require.NoError(t, err, text)
		assert.Equal(t, "12345678901234567890", string(k.Secret))
	}
}

func TestTOTPKeyRefused(t *testing.T) {
	const good = "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	for _, text := range []string{
		"", "otpauth:", "not base 32!", "GEZDGNBV", // 5 bytes
		strings.Repeat("A", 5000), base32.StdEncoding.EncodeToString(make([]byte, 129)),
		"otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=1", "otpauth://totp/x", "otpauth://totp/x?secret=%zz",
		good + "&secret=A", good + "&digits=5", good + "&digits=9", good + "&digits=+6", good + "&digits=06", good + "&period=0",
		good + "&period=301", good + "&period=-30", good + "&algorithm=MD5", good + "&digits=6&digits=8", good + "&a=1;b=2",
	} {
		k, err := auth.ParseTOTPKey(text)
		assert.ErrorIs(t, err, auth.ErrTOTPKey, text)
		assert.NotContains(t, fmt.Sprint(err), "GEZDGNBV")
		_ = k
	}
	for name, k := range map[string]*auth.TOTPKey{
		"nil": nil, "zero": {}, "short": {Secret: make([]byte, 15)}, "hash": {Secret: make([]byte, 20), Hash: crypto.MD5},
		"digits": {Secret: make([]byte, 20), Digits: 10}, "period": {Secret: make([]byte, 20), Period: time.Millisecond},
	} {
		_, err := k.Code(time.Now())
		assert.ErrorIs(t, err, auth.ErrTOTPKey, name)
	}
}

func TestTOTPKeyIsRedacted(t *testing.T) {
	k := &auth.TOTPKey{Secret: []byte("very secret indeed")}
	asJSON, err := json.Marshal(map[string]any{"k": k})
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "k", k, "v", *k)
	text := string(asJSON) + log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text += fmt.Sprintf(verb+verb, k, *k)
	}
	assert.NotContains(t, text, "secret")
	assert.NotContains(t, text, "115") // "s"
	assert.NotContains(t, text, "7665")
}

func FuzzParseTOTPKey(f *testing.F) {
	f.Add("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
	f.Add("otpauth://totp/a:b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=a&algorithm=SHA512&digits=7&period=60")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := auth.ParseTOTPKey(text)
		if err != nil {
			return
		}
		back, err := auth.ParseTOTPKey(k.URI("issuer", "account"))
		require.NoError(t, err)
		now := time.Now()
		want, err := k.Code(now)
		require.NoError(t, err)
		got, err := back.Code(now)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
}

// dialogue answers the questions that have a word in them, and notes what was
// asked.
type dialogue struct {
	answers map[string]string
	asked   []string
}

func (d *dialogue) cred() auth.Interactive {
	return auth.Interactive{Ask: func(_ context.Context, _, instruction string, questions []auth.Question) ([]string, error) {
		var out []string
		for _, q := range questions {
			d.asked = append(d.asked, q.Text)
			answer, ok := d.answers[q.Text]
			if !ok {
				return nil, errors.New("hung up")
			}
			out = append(out, answer)
		}
		return out, nil
	}}
}

func say(pairs ...string) *dialogue {
	d := &dialogue{answers: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		d.answers[pairs[i]] = pairs[i+1]
	}
	return d
}

const (
	pw   = "Password: "
	vc   = "Verification code: "
	new1 = "New password: "
	new2 = "New password again: "
)

// twoUsers has "u" with password, key and TOTP key, and "plain" without the
// latter.
func twoUsers(t *testing.T) (a *auth.TOTP, key *auth.TOTPKey, blob []byte) {
	t.Helper()
	blob = ed25519Blob(t)
	key = auth.NewTOTPKey()
	users := &auth.Static{Hasher: cheap(), Users: map[string]*auth.User{
		"u":     {PasswordHash: hashOf(t, "p"), AuthorizedKeys: mustKeys(t, line("", blob)), Home: home(t)},
		"plain": {PasswordHash: hashOf(t, "p"), Home: home(t)},
	}}
	return &auth.TOTP{Auth: users, Key: func(_ context.Context, user string) (*auth.TOTPKey, error) {
		if user == "u" {
			return key, nil
		}
		return nil, nil
	}}, key, blob
}

func codeAt(t *testing.T, k *auth.TOTPKey, after time.Duration) string {
	t.Helper()
	code, err := k.Code(time.Now().Add(after))
	require.NoError(t, err)
	return code
}

func TestTOTPDialogue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, key, _ := twoUsers(t)
		try := func(user string, d *dialogue) error {
			_, err := a.Authenticate(t.Context(), &auth.Request{User: user, Cred: d.cred(), Conn: conn("127.0.0.1")})
			return err
		}
		assert.NoError(t, try("u", say(pw, "p", vc, codeAt(t, key, 0))))
		assert.ErrorIs(t, try("u", say(pw, "p", vc, codeAt(t, key, 0))), auth.ErrDenied, "used")
		assert.ErrorIs(t, try("u", say(pw, "p", vc, codeAt(t, key, -30*time.Second))), auth.ErrDenied, "older than the used one")
		assert.NoError(t, try("u", say(pw, "p", vc, codeAt(t, key, 30*time.Second))), "a clock that is ahead")
		time.Sleep(time.Minute)
		assert.ErrorIs(t, try("u", say(pw, "p", vc, codeAt(t, key, time.Minute))), auth.ErrDenied, "too far ahead")
		code := codeAt(t, key, 0)
		assert.NoError(t, try("u", say(pw, "p", vc, code[:3]+" "+code[3:])))
		assert.NoError(t, try("plain", say(pw, "p")), "needs no code")

		// Whatever is wrong, the same is asked.
		time.Sleep(time.Minute)
		good := codeAt(t, key, 0)
		for user, password := range map[string]string{"u": "x", "nobody": "p", "plain": "x", "u ": "p"} {
			d := say(pw, password, vc, good)
			assert.ErrorIs(t, try(user, d), auth.ErrDenied, user)
			assert.Equal(t, []string{pw, vc}, d.asked, user)
		}
		d := say(pw, "p", vc, "000000")
		assert.ErrorIs(t, try("u", d), auth.ErrDenied)
		assert.Equal(t, []string{pw, vc}, d.asked)
		assert.NoError(t, try("u", say(pw, "p", vc, good)), "a wrong password used no code up")
		d = say(pw, "p")
		assert.Error(t, try("u", d))
		assert.NotErrorIs(t, try("u", say(pw, "p")), auth.ErrDenied, "a dialogue that broke off is no wrong code")
	})
}

func TestTOTPAfterKeyOrPassword(t *testing.T) {
	for _, first := range []string{"key", "password"} {
		a, key, blob := twoUsers(t)
		var cred auth.Credential = auth.Password("p")
		if first == "key" {
			cred = proven(blob)
			asked := auth.PublicKey{Algo: "ssh-ed25519", Blob: blob}
			var p *auth.Partial
			_, err := a.Authenticate(t.Context(), &auth.Request{User: "u", Cred: asked, Conn: conn("127.0.0.1")})
			require.ErrorAs(t, err, &p)
			assert.Equal(t, []auth.Method{auth.MethodPublicKey}, p.Next)
		}
		c := conn("127.0.0.1")
		_, err := a.Authenticate(t.Context(), &auth.Request{User: "u", Cred: cred, Conn: c})
		var p *auth.Partial
		require.ErrorAs(t, err, &p)
		assert.Equal(t, []auth.Method{auth.MethodInteractive}, p.Next)
		second := func(user string, passed []auth.Credential, cred auth.Credential, c2 bool) error {
			r := &auth.Request{User: user, Cred: cred, Passed: passed, Conn: c}
			if c2 {
				r.Conn = conn("127.0.0.1")
			}
			_, err := a.Authenticate(t.Context(), r)
			return err
		}
		passed := []auth.Credential{cred}
		good := codeAt(t, key, 0)
		assert.ErrorIs(t, second("u", passed, say(vc, "000000").cred(), false), auth.ErrDenied)
		assert.ErrorIs(t, second("u", passed, auth.Password("p"), false), auth.ErrDenied, "not what is wanted")
		assert.Error(t, second("plain", passed, say(vc, good).cred(), false), "another user")
		assert.Error(t, second("u", nil, say(vc, good).cred(), false), "nothing passed")
		assert.Error(t, second("u", passed, say(vc, good).cred(), true), "another connection")
		d := say(vc, good)
		assert.NoError(t, second("u", passed, d.cred(), false))
		assert.Equal(t, []string{vc}, d.asked)
		assert.ErrorIs(t, second("u", passed, say(vc, good).cred(), false), auth.ErrDenied, "used")

		_, err = a.Authenticate(t.Context(), &auth.Request{User: "u", Cred: auth.Password("x"), Conn: conn("127.0.0.1")})
		assert.ErrorIs(t, err, auth.ErrDenied)
		assert.False(t, errors.As(err, &p) && len(p.Next) == 0)
	}
}

func TestTOTPGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, key, _ := twoUsers(t)
		try := func(password, code string) error {
			_, err := a.Authenticate(t.Context(), &auth.Request{User: "u", Cred: say(pw, password, vc, code).cred()})
			return err
		}
		for range 100 { // who lacks the password locks nobody out
			assert.ErrorIs(t, try("x", "000000"), auth.ErrDenied)
		}
		require.NoError(t, try("p", codeAt(t, key, 0)))
		time.Sleep(time.Minute)
		var wg sync.WaitGroup
		for range 20 { // also at the same time
			wg.Go(func() { assert.ErrorIs(t, try("p", "0000000"), auth.ErrDenied) })
		}
		wg.Wait()
		assert.ErrorContains(t, try("p", codeAt(t, key, 0)), "too many")
		time.Sleep(29 * time.Second)
		assert.ErrorContains(t, try("p", codeAt(t, key, 0)), "too many")
		time.Sleep(2 * time.Second)
		assert.ErrorContains(t, try("p", "0000000"), "wrong code")
		time.Sleep(31 * time.Second)
		assert.ErrorContains(t, try("p", codeAt(t, key, 0)), "too many", "twice as long now")
		time.Sleep(30 * time.Second)
		assert.NoError(t, try("p", codeAt(t, key, 0)))
		time.Sleep(time.Minute)
		for range 4 {
			assert.Error(t, try("p", "0000000"))
		}
		assert.NoError(t, try("p", codeAt(t, key, 0)), "being right counts from the start again")
	})
}

type steps func(user string, step uint64) (bool, error)

func (s steps) Use(_ context.Context, user string, step uint64) (bool, error) { return s(user, step) }

func TestTOTPStores(t *testing.T) {
	a, key, _ := twoUsers(t)
	try := func() error {
		_, err := a.Authenticate(t.Context(), &auth.Request{User: "u", Cred: say(pw, "p", vc, codeAt(t, key, 0)).cred()})
		return err
	}
	var calls atomic.Int64
	a.Used = steps(func(user string, step uint64) (bool, error) {
		calls.Add(1)
		assert.Equal(t, "u", user)
		assert.InDelta(t, time.Now().Unix()/30, step, 1)
		return true, nil
	})
	assert.NoError(t, try())
	a.Used = steps(func(string, uint64) (bool, error) { return false, nil })
	assert.ErrorIs(t, try(), auth.ErrDenied)
	a.Used = steps(func(string, uint64) (bool, error) { return true, auth.ErrDenied })
	err := try()
	assert.Error(t, err)
	assert.NotErrorIs(t, err, auth.ErrDenied, "a store that failed is no wrong code")
	assert.EqualValues(t, 1, calls.Load())

	a.Key = func(context.Context, string) (*auth.TOTPKey, error) { return nil, errors.New("store down") }
	assert.Error(t, try(), "no key for an error does not mean that no code is needed")
	a.Key = func(context.Context, string) (*auth.TOTPKey, error) { return &auth.TOTPKey{}, nil }
	assert.ErrorIs(t, try(), auth.ErrTOTPKey)
	_, err = (&auth.TOTP{}).Authenticate(t.Context(), &auth.Request{User: "u", Cred: auth.Password("p")})
	assert.Error(t, err)
	assert.Empty(t, auth.Offers(&auth.TOTP{}))
}
