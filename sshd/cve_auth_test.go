package sshd_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/rawssh"
	"github.com/quaymaster/quaymaster/sshd"
)

// Tests of what got past the authentication of other servers, named after it.

// everybody lets in whoever proves anything, so that only sshd itself stands in
// the way, and notes whom it was asked about.
type everybody struct {
	mu    sync.Mutex
	asked []string
}

func (e *everybody) Authenticate(_ context.Context, r *auth.Request) (*auth.Identity, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, r.User)
	return identity(r.User), nil
}

// loggedIn tells whether anybody got in.
func loggedIn(rec *recorder) bool {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return slices.ContainsFunc(rec.events, func(e quaymaster.Event) bool { return e.Kind == quaymaster.KindLogin && e.Err == nil })
}

// libssh CVE-2018-10933, Erlang CVE-2025-32433: messages that only a server
// sends, or that only make sense after a login, end the connection at any point
// before it.
func TestAuthMsgBeforeSuccess(t *testing.T) {
	// stages leads to the points at which the message may come.
	interactive := func(c *rawssh.Conn) error {
		if err := c.SendAuth("u", "keyboard-interactive", ssh.Marshal(struct{ Language, Devices string }{})); err != nil {
			return err
		}
		_, err := c.Expect(rawssh.MsgAuthPKOK)
		return err
	}
	stages := map[string]func(c *rawssh.Conn) error{
		"before the service": func(*rawssh.Conn) error { return nil },
		"before a request":   func(c *rawssh.Conn) error { return c.RequestService("ssh-userauth") },
		"after a failure": func(c *rawssh.Conn) error {
			if err := c.RequestService("ssh-userauth"); err != nil {
				return err
			}
			if err := c.SendPassword("u", "wrong"); err != nil {
				return err
			}
			failure, err := c.AuthResult()
			if err == nil && failure == nil {
				err = fmt.Errorf("let in")
			}
			return err
		},
		"after partial success": func(c *rawssh.Conn) error {
			if err := c.RequestService("ssh-userauth"); err != nil {
				return err
			}
			if err := c.SendPassword("u", "first"); err != nil {
				return err
			}
			failure, err := c.AuthResult()
			if err == nil && (failure == nil || !failure.Partial) {
				err = fmt.Errorf("no partial success")
			}
			return err
		},
		"in a dialogue": func(c *rawssh.Conn) error {
			if err := c.RequestService("ssh-userauth"); err != nil {
				return err
			}
			return interactive(c)
		},
	}
	open := ssh.Marshal(struct {
		Type                string
		ID, Window, MaxSize uint32
	}{"session", 0, 1 << 20, 1 << 15})
	exec := ssh.Marshal(struct {
		Channel uint32
		Type    string
		Reply   bool
		Command string
	}{0, "exec", true, "touched"})
	messages := map[string][]byte{
		"SERVICE_ACCEPT": append([]byte{6}, ssh.Marshal(struct{ S string }{"ssh-connection"})...),
		"FAILURE":        append([]byte{51}, ssh.Marshal(rawssh.AuthFailure{Partial: true})[1:]...),
		"SUCCESS":        {52}, "PK_OK": {60}, "GLOBAL_REQUEST": {80}, "OPEN": append([]byte{90}, open...),
		"CONFIRMATION": {91}, "DATA": {94}, "REQUEST": append([]byte{98}, exec...),
	}
	a := auth.Func(func(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
		switch c := r.Cred.(type) {
		case auth.Interactive:
			if _, err := c.Ask(ctx, "", "", []auth.Question{{Text: "?"}}); err != nil {
				return nil, err
			}
		case auth.Password:
			if c == "first" {
				return nil, &auth.Partial{Next: []auth.Method{auth.MethodPassword}}
			}
		}
		return nil, auth.ErrDenied
	})
	rec := &recorder{}
	touched := sshd.HandlerFunc(func(context.Context, *sshd.Session) error {
		t.Error("a command ran without a login")
		return nil
	})
	addr := start(t, &sshd.Server{Auth: a, Sink: rec, Commands: map[string]sshd.Handler{"touched": touched}})
	for stage, reach := range stages {
		for name, message := range messages {
			c, err := rawssh.Dial(addr)
			require.NoError(t, err)
			require.NoError(t, c.KeyExchange(nil))
			require.NoError(t, reach(c), stage)
			require.NoError(t, c.Send(message))
			// What an exploit would go on with; the server may be gone already.
			if c.Send(append([]byte{90}, open...)) == nil {
				_ = c.Send(append([]byte{98}, exec...))
			}
			seen, err := c.Ended()
			assert.NoError(t, err, "%s %s: the connection must end", name, stage)
			for _, number := range seen {
				assert.NotContains(t, []byte{52, 81, 91, 99}, number, "%s %s", name, stage)
			}
			c.Close()
		}
	}
	assert.False(t, loggedIn(rec))
}

// who remembers the users whose command ran.
func who(srv *sshd.Server) func() []string {
	var mu sync.Mutex
	var users []string
	srv.Commands = map[string]sshd.Handler{"who": sshd.HandlerFunc(func(_ context.Context, s *sshd.Session) error {
		mu.Lock()
		defer mu.Unlock()
		users = append(users, s.Identity().User)
		return nil
	})}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(users)
	}
}

// runWho runs the command on a connection that is logged in.
func runWho(t *testing.T, c *rawssh.Conn) {
	t.Helper()
	require.NoError(t, c.Send(append([]byte{90}, ssh.Marshal(struct {
		Type                string
		ID, Window, MaxSize uint32
	}{"session", 0, 1 << 20, 1 << 15})...)))
	for number := byte(0); number != 91; {
		packet, err := c.Recv()
		require.NoError(t, err)
		number = packet[0]
	}
	require.NoError(t, c.Send(append([]byte{98}, ssh.Marshal(struct {
		Channel uint32
		Type    string
		Reply   bool
		Command string
	}{0, "exec", true, "who"})...)))
	for number := byte(0); number != 97; {
		packet, err := c.Recv()
		require.NoError(t, err)
		number = packet[0]
	}
}

// CVE-2024-45337: the key that was asked about last is not the one that logged
// in.
func TestCVE2024_45337(t *testing.T) {
	admin, mine := newKey(t), newKey(t)
	adminBlob, myBlob := admin.PublicKey().Marshal(), mine.PublicKey().Marshal()
	srv := &sshd.Server{Auth: &keyAuth{users: map[string]string{string(adminBlob): "admin", string(myBlob): "me"}}}
	users := who(srv)
	addr := start(t, srv)
	const algo = "ssh-ed25519"
	query := func(c *rawssh.Conn, blob []byte) {
		require.NoError(t, c.SendKeyQuery("u", algo, blob))
		_, err := c.Expect(rawssh.MsgAuthPKOK)
		require.NoError(t, err)
	}
	sign := func(c *rawssh.Conn, blob []byte) *ssh.Signature {
		sig, err := mine.Sign(rand.Reader, c.ToSign("u", algo, blob))
		require.NoError(t, err)
		return sig
	}
	// Ask about both, in any order, and sign with mine: it is me.
	for _, order := range [][][]byte{{adminBlob, myBlob}, {myBlob, adminBlob}, {adminBlob}} {
		c, err := rawssh.Ready(addr)
		require.NoError(t, err)
		for _, blob := range order {
			query(c, blob)
		}
		require.NoError(t, c.SendKey("u", algo, myBlob, sign(c, myBlob)))
		failure, err := c.AuthResult()
		require.NoError(t, err)
		require.Nil(t, failure)
		runWho(t, c)
		c.Close()
	}
	eventually(t, "commands ran", func() bool { return len(users()) == 3 })
	assert.Equal(t, []string{"me", "me", "me"}, users())
	// Show the admin's key with my signature, over either key.
	for _, signed := range [][]byte{adminBlob, myBlob} {
		c, err := rawssh.Ready(addr)
		require.NoError(t, err)
		query(c, adminBlob)
		require.NoError(t, c.SendKey("u", algo, adminBlob, sign(c, signed)))
		seen, err := c.Ended()
		require.NoError(t, err)
		assert.NotContains(t, seen, byte(rawssh.MsgAuthSuccess))
		c.Close()
	}
	// A signature for another session is of no use in this one.
	other, err := rawssh.Ready(addr)
	require.NoError(t, err)
	defer other.Close()
	c, err := rawssh.Ready(addr)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SendKey("u", algo, myBlob, sign(other, myBlob)))
	seen, err := c.Ended()
	require.NoError(t, err)
	assert.NotContains(t, seen, byte(rawssh.MsgAuthSuccess))
}

// CVE-2026-39829: RSA keys that are too short prove nothing, and those that are
// too long cost the server too much. The Authenticator is not even asked.
func TestCVE2026_39829(t *testing.T) {
	a := &everybody{}
	addr := start(t, &sshd.Server{Auth: a, MaxKeyQueries: 100})
	c, err := rawssh.Ready(addr)
	require.NoError(t, err)
	defer c.Close()
	blob := func(bits uint, e int64) []byte {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return ssh.Marshal(struct {
			Type string
			E, N *big.Int
		}{"ssh-rsa", big.NewInt(e), n.Add(n, big.NewInt(1))})
	}
	for _, v := range []struct {
		bits uint
		e    int64
		ok   bool
	}{
		{512, 65537, false}, {1024, 65537, false}, {2047, 65537, false}, {2048, 65537, true}, {16384, 65537, true},
		{16385, 65537, false}, {65536, 65537, false}, {2048, 1, false}, {2048, 4, false}, {2048, 1<<40 + 1, false},
	} {
		require.NoError(t, c.SendKeyQuery("u", "rsa-sha2-512", blob(v.bits, v.e)))
		packet, err := c.Recv()
		require.NoError(t, err)
		want := byte(rawssh.MsgAuthFailure)
		if v.ok {
			want = rawssh.MsgAuthPKOK
		}
		assert.Equal(t, want, packet[0], "%d bits, exponent %d", v.bits, v.e)
	}
	assert.Len(t, a.asked, 2)
}

// goshs CVE-2026-40884 and CVE-2026-62325, ProFTPD issues 2275 and 2279: empty
// names and passwords let nobody in, whatever the Authenticator says.
func TestCVE2026_40884(t *testing.T) {
	a := &everybody{}
	addr := start(t, &sshd.Server{Auth: a, MaxAuthTries: 100})
	c, err := rawssh.Ready(addr)
	require.NoError(t, err)
	defer c.Close()
	key := newKey(t)
	send := map[string]func() error{
		"empty password":       func() error { return c.SendPassword("u", "") },
		"empty user":           func() error { return c.SendPassword("", "p") },
		"both":                 func() error { return c.SendPassword("", "") },
		"none":                 func() error { return c.SendAuth("u", "none", nil) },
		"empty user, key":      func() error { return c.SendKeyQuery("", "ssh-ed25519", key.PublicKey().Marshal()) },
		"empty user, dialogue": func() error { return c.SendAuth("", "keyboard-interactive", make([]byte, 8)) },
		"control character":    func() error { return c.SendPassword("u\n", "p") },
		"long user":            func() error { return c.SendPassword(strings.Repeat("u", 256), "p") },
		"unknown method":       func() error { return c.SendAuth("u", "hostbased", nil) },
		"empty method":         func() error { return c.SendAuth("u", "", nil) },
	}
	for name, f := range send {
		require.NoError(t, f(), name)
		failure, err := c.AuthResult()
		require.NoError(t, err, name)
		require.NotNil(t, failure, name)
		assert.False(t, failure.Partial, name)
	}
	assert.Empty(t, a.asked)
	require.NoError(t, c.SendPassword("u", "p"))
	failure, err := c.AuthResult()
	require.NoError(t, err)
	assert.Nil(t, failure, "the right one still works")
}

// A request to change the password (RFC 4252 section 8) is no login, and no
// other service than ssh-connection can be asked for.
func TestOddAuthRequests(t *testing.T) {
	a := &everybody{}
	addr := start(t, &sshd.Server{Auth: a})
	for name, send := range map[string]func(c *rawssh.Conn) error{
		"change": func(c *rawssh.Conn) error {
			return c.SendAuth("u", "password", ssh.Marshal(struct {
				Change   bool
				Old, New string
			}{true, "p", "q"}))
		},
		"trailing data": func(c *rawssh.Conn) error {
			return c.SendAuth("u", "password", ssh.Marshal(struct {
				Change bool
				P, X   string
			}{false, "p", "q"}))
		},
		"service": func(c *rawssh.Conn) error {
			return c.SendMsg(&struct {
				User, Service, Method string `sshtype:"50"`
			}{"u", "ssh-userauth", "none"})
		},
		"truncated": func(c *rawssh.Conn) error { return c.Send([]byte{50, 0, 0, 0, 9, 'u'}) },
	} {
		c, err := rawssh.Ready(addr)
		require.NoError(t, err)
		require.NoError(t, send(c), name)
		seen, err := c.Ended()
		assert.NoError(t, err, name)
		assert.NotContains(t, seen, byte(rawssh.MsgAuthSuccess), name)
		c.Close()
	}
	assert.Empty(t, a.asked)
}

// The name can't change between two factors.
func TestUserChangeAfterPartialSuccess(t *testing.T) {
	rec := &recorder{}
	a := auth.Func(func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
		if len(r.Passed) == 0 && r.User == "u" {
			return nil, &auth.Partial{Next: []auth.Method{auth.MethodPassword}}
		}
		return identity(r.User), nil
	})
	c, err := rawssh.Ready(start(t, &sshd.Server{Auth: a, Sink: rec}))
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SendPassword("u", "p"))
	failure, err := c.AuthResult()
	require.NoError(t, err)
	require.True(t, failure != nil && failure.Partial)
	require.NoError(t, c.SendPassword("admin", "p"))
	seen, err := c.Ended()
	require.NoError(t, err)
	assert.NotContains(t, seen, byte(rawssh.MsgAuthSuccess))
	assert.False(t, loggedIn(rec))
}

// CVE-2018-15473 class: neither what is answered nor how long it takes tells
// who exists.
func TestEnumerationByTiming(t *testing.T) {
	hasher := &auth.Hasher{Params: auth.Argon2Params{Memory: 2 << 10, Time: 2}}
	hash, err := hasher.Hash(t.Context(), "secret")
	require.NoError(t, err)
	users := &auth.Static{Hasher: hasher, Users: map[string]*auth.User{
		"known": {PasswordHash: hash, Home: identity("u").Home},
		"keyed": {AuthorizedKeys: keysOf(t, "", newKey(t).PublicKey()), Home: identity("u").Home},
	}}
	addr := start(t, &sshd.Server{Auth: users, MaxAuthTries: 1000, MaxKeyQueries: 1000})
	names := []string{"known", "keyed", "unknown"}
	took := map[string][]time.Duration{}
	medians := func() map[string]time.Duration {
		c, err := rawssh.Ready(addr)
		require.NoError(t, err)
		defer c.Close()
		for range 40 { // x/crypto/ssh allows 128 requests in all
			// In a fixed order the garbage collector would favour a place.
			mathrand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			for _, name := range names {
				began := time.Now()
				require.NoError(t, c.SendPassword(name, "wrong"))
				failure, err := c.AuthResult()
				took[name] = append(took[name], time.Since(began))
				require.NoError(t, err)
				assert.Equal(t, &rawssh.AuthFailure{Methods: []string{"password", "publickey", "keyboard-interactive"}}, failure)
			}
		}
		out := map[string]time.Duration{}
		for name, all := range took {
			slices.Sort(all)
			out[name] = all[len(all)/2]
		}
		return out
	}
	// Other work on the machine disturbs few samples of one name more than of the
	// others: the more there are, the closer the medians, unless the code differs.
	var last map[string]time.Duration
	for range 12 {
		last = medians()
		fast, slow := min(last["known"], last["keyed"], last["unknown"]), max(last["known"], last["keyed"], last["unknown"])
		if float64(slow) < 1.05*float64(fast) {
			return
		}
	}
	t.Errorf("medians differ: %v", last)
}
