package instance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/limit"

	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
)

// load parses a configuration of two services, to the first of which, to the
// policy of both and to an account lines are added.
func load(t *testing.T, service, policy, account string) *config.Config {
	t.Helper()
	const two = "type = ssh\nport = 1\nssh_server_keys = k\n"
	text := "[services/a]\n" + two + service + "\n[services/b]\n" + two +
		"[security-policies/DEFAULT-SECURITY-POLICY]\n" + policy +
		"\n[accounts/a]\nname = a\nenabled = No\nhome_folder_path = h\n" + account + "\n"
	cfg, err := config.Parse("server.ini", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// guards are those of both services, and the Gate of their policy.
func guards(cfg *config.Config) (a, b *guard, shared *limit.Gate) {
	builder := &builder{cfg: cfg, log: slog.New(slog.DiscardHandler), gates: make(map[string]*limit.Gate)}
	p := cfg.Policies[0]
	return newGuard(p, builder.gate(p), cfg.Services[0]), newGuard(p, builder.gate(p), cfg.Services[1]), builder.gate(p)
}

func from(addr string) *quaymaster.Conn {
	return &quaymaster.Conn{ID: quaymaster.NewID(), Protocol: "ssh", Remote: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))}
}

// reason is why a client is refused.
func reason(t *testing.T, err error) limit.Reason {
	t.Helper()
	var refused *limit.RefusedError
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("%T: %v", err, err)
	}
	if refused == nil {
		return ""
	}
	return refused.Reason
}

func TestGuardCounts(t *testing.T) {
	a, b, _ := guards(load(t, "maximum_concurrent_connections = 1", "maximum_concurrent_connections = 2\nmaximum_sessions_per_user = 1", ""))
	enter := func(g *guard, c *quaymaster.Conn, user string, want limit.Reason) func() {
		t.Helper()
		leave, err := g.Admit(t.Context(), c, user)
		if got := reason(t, err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		return leave
	}
	first := from("192.0.2.1:1")
	leave := enter(a, first, "", "")
	enter(a, from("192.0.2.2:1"), "", limit.ReasonMaxConns) // of the service
	second := from("192.0.2.3:1")
	enter(b, second, "", "") // whom the service refused counts nowhere
	enter(b, from("192.0.2.4:1"), "", limit.ReasonMaxConns)
	leaveUser := enter(a, first, "u", "")
	enter(b, second, "u", limit.ReasonMaxPerUser)
	leaveUser()
	enter(b, second, "u", "")
	leave()
	enter(a, from("192.0.2.5:1"), "", "")
}

func TestGuardRules(t *testing.T) {
	a, _, _ := guards(load(t, "", "source_ip_filter = deny 192.0.2.1, allow 192.0.2.0/24", ""))
	for addr, want := range map[string]limit.Reason{
		"192.0.2.1:1": limit.ReasonNotAllowed, "192.0.2.2:1": "", "[::ffff:192.0.2.2]:1": "", "[2001:db8::1]:1": limit.ReasonNotAllowed,
	} {
		_, err := a.Admit(t.Context(), from(addr), "")
		if got := reason(t, err); got != want {
			t.Errorf("%s: got %q, want %q", addr, got, want)
		}
	}
	_, err := a.Admit(t.Context(), &quaymaster.Conn{ID: "x"}, "")
	if got := reason(t, err); got != limit.ReasonNotAllowed {
		t.Errorf("no address: %q", got)
	}
}

// What is 0 in the file is off, and not the default of package limit.
func TestPenalties(t *testing.T) {
	for _, test := range []struct {
		policy   string
		failures int // until the ban; 0: never
	}{
		{"", 4}, {"source_ip_penalty_failed_login = 16", 1}, {"source_ip_penalty_minimum = 0", 1},
		{"source_ip_penalty_maximum = 0", 0}, {"source_ip_penalty_failed_login = 0", 0},
		{"source_ip_penalty_exempt = 192.0.2.0/24", 0},
	} {
		t.Run(test.policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { checkPenalties(t, test.policy, test.failures) })
		})
	}
}

func checkPenalties(t *testing.T, policy string, failures int) {
	a, b, shared := guards(load(t, "", policy, ""))
	for n := range 10 {
		c := from(fmt.Sprintf("192.0.2.1:%d", n+1))
		leave, err := a.Admit(t.Context(), c, "")
		if banned := failures > 0 && n >= failures; banned {
			if got := reason(t, err); got != limit.ReasonBanned {
				t.Fatalf("after %d failures: %v", n, err)
			}
			break
		}
		if err != nil {
			t.Fatalf("after %d failures: %v", n, err)
		}
		shared.Emit(t.Context(), &quaymaster.Event{Kind: quaymaster.KindLogin, Conn: c, Err: auth.ErrDenied})
		shared.Emit(t.Context(), &quaymaster.Event{Kind: quaymaster.KindDisconnect, Conn: c})
		leave()
	}
	_, err := b.Admit(t.Context(), from("192.0.2.1:99"), "")
	if banned := reason(t, err) == limit.ReasonBanned; banned != (failures > 0) {
		t.Errorf("the other service: %v", err)
	}
}

// An account's own speed takes the place of the service's, and 0 is no limit.
func TestThrottle(t *testing.T) {
	const service = "upload_rate_per_user = 1M\ndownload_rate_per_session = 2M"
	for _, test := range []struct {
		account          string
		upload, download time.Duration // for 10 MiB, about
	}{
		{"", 10 * time.Second, 5 * time.Second},
		{"upload_rate = 2M\ndownload_rate_per_session = 0", 5 * time.Second, 0},
		{"upload_rate = 0\ndownload_rate = 1M", 0, 10 * time.Second},
		{"upload_rate_per_session = 512K", 20 * time.Second, 5 * time.Second},
	} {
		t.Run(test.account, func(t *testing.T) {
			cfg := load(t, service, "", test.account)
			synctest.Test(t, func(t *testing.T) {
				logins := throttle(auth.Func(func(context.Context, *auth.Request) (*auth.Identity, error) {
					return &auth.Identity{User: "a", Data: cfg.Accounts[0]}, nil
				}), cfg.Services[0])
				id, err := logins.Authenticate(t.Context(), &auth.Request{User: "a", Cred: auth.Password("p")})
				if err != nil {
					t.Fatal(err)
				}
				about(t, "upload", move(t, id, auth.Upload), test.upload)
				about(t, "download", move(t, id, auth.Download), test.download)
			})
		})
	}
}

// move returns how long 10 MiB take.
func move(t *testing.T, id *auth.Identity, d auth.Direction) time.Duration {
	t.Helper()
	if id.Pace == nil {
		return 0
	}
	start := time.Now()
	for range 320 {
		if err := id.Pace.Wait(t.Context(), d, 32<<10); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(start)
}

// about allows for what may be moved at once.
func about(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if got > want+time.Second || got < want-want/5 {
		t.Errorf("%s takes %v, want %v", what, got, want)
	}
}
