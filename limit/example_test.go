package limit_test

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/limit"
	"github.com/quaymaster/quaymaster/sshd"
)

func Example() {
	gate := &limit.Gate{
		MaxConns:     1000,
		MaxPerSource: 20,
		Deny:         []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		Penalties: limit.Penalties{
			AuthFail: 10 * time.Second, // twice the default
			Exempt:   []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")},
		},
	}
	var accounts auth.Authenticator // of the program
	srv := &sshd.Server{
		Auth: &limit.Throttle{
			Auth:    accounts,
			PerUser: limit.Rates{Upload: 20 << 20, Download: 20 << 20}, // 20 MiB/s
		},
		Gate: gate,
		Sink: quaymaster.Sinks(gate), // and what else listens
	}
	_ = srv

	// An administrator looks, and lets somebody off.
	for _, ban := range gate.Bans() {
		fmt.Println(ban.Source, ban.Until, ban.Reason)
	}
	gate.Lift(netip.MustParsePrefix("198.51.100.7/32"))
	// Output:
}

func ExampleProxyListener() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	behindProxy := &limit.ProxyListener{
		Listener: l,
		Trusted:  []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")},
	}
	defer behindProxy.Close() // or srv.Serve(behindProxy)
	fmt.Println(behindProxy.Addr().Network())
	// Output: tcp
}
