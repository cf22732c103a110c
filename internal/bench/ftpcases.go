package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
)

// curlCases move one large file.
func curlCases(z sizes) []*benchCase {
	var cases []*benchCase
	for _, c := range []struct {
		sec       security
		reference string
		get, put  target
		getCPU    target
	}{
		{plain, "vsftpd", target{ratioAtMost, 1.05}, target{ratioAtMost, 1.00}, target{ratioAtMost, 1.10}},
		{private, "", target{ratioAtMost, 0.80}, target{ratioAtMost, 0.60}, target{}},
	} {
		what := fmt.Sprintf("of %s with curl, %s", sizeText(z.big), c.sec.text())
		get := bulkCase(z, "get/"+string(c.sec), "get "+what, c.get, c.getCPU)
		get.measure = func(ctx context.Context, s *server, check checking) (values, error) {
			return fetch(ctx, s, z, check, func(ctx context.Context, from, to string) (float64, error) {
				return s.curl(ctx, c.sec, from, "-o", to)
			})
		}
		put := bulkCase(z, "put/"+string(c.sec), "put "+what, c.put, target{})
		put.measure = func(ctx context.Context, s *server, check checking) (values, error) {
			return send(ctx, s, z, check, func(ctx context.Context, from, to string) (float64, error) {
				return s.curl(ctx, c.sec, to, "-T", from)
			})
		}
		for _, b := range []*benchCase{get, put} {
			b.secure, b.reference = c.sec == private, c.reference
			cases = append(cases, b)
		}
	}
	return cases
}

func (sec security) text() string {
	if sec == private {
		return "TLS on control and data connections"
	}
	return "no TLS"
}

// curl moves a file and returns the seconds it took from when there was a data
// connection. What is before is short, but for curl: it waits without a reason,
// in most runs, for up to two seconds.
func (s *server) curl(ctx context.Context, sec security, remote string, args ...string) (float64, error) {
	all := []string{"-q", "-sS", "--noproxy", "*", "-u", s.user + ":" + ftpPassword, "-w", "%{time_pretransfer} %{time_total}"}
	if sec == private {
		all = append(all, "--ssl-reqd", "--cacert", s.rig.cert)
	}
	all = append(all, args...)
	out, err := s.output(ctx, "", "curl", append(all, "ftp://"+s.addr+"/"+strings.TrimPrefix(remote, "/"))...)
	if err != nil {
		return 0, err
	}
	return curlTime(out)
}

// curlTime is the difference of two times.
func curlTime(text string) (float64, error) {
	var before, total float64
	if _, err := fmt.Sscanf(text, "%f %f", &before, &total); err != nil || before <= 0 || total <= before {
		return 0, fmt.Errorf("curl's times are %q", text)
	}
	return total - before, nil
}

// config is the lean client's.
func (sec security) config(r *rig) (*tls.Config, error) {
	if sec == plain {
		return nil, nil
	}
	return ftpTLS(r)
}

// ftpSmallFiles has a data connection for each file.
func ftpSmallFiles(z sizes, sec security) *benchCase {
	var want target
	if sec == plain {
		want = target{ratioAtLeast, 1.3}
	}
	return &benchCase{
		name: "small/" + string(sec), secure: sec == private,
		about: fmt.Sprintf("%d files of %s, one connection of a lean client, EPSV for each file, %s", z.few, sizeText(smallFile), sec.text()),
		metrics: []metric{
			{"put", perSecond, want}, {"get", perSecond, want}, {"remove", perSecond, target{}},
			{serverCPU, seconds, target{}}, {clientCPU, seconds, target{}},
		},
		prepare: func(_ context.Context, r *rig) error { return r.mkdir("small") },
		measure: func(ctx context.Context, s *server, _ checking) (v values, err error) {
			cfg, err := sec.config(s.rig)
			if err != nil {
				return nil, err
			}
			l, err := dialFTP(ctx, s, cfg)
			if err != nil {
				return nil, err
			}
			defer func() { err = errors.Join(err, l.close()) }()
			content := smallContent()
			each := func(work func(name string) error) func() error {
				return func() error {
					for i := range z.few {
						if err := work(fmt.Sprintf("%ssmall/%06d", s.prefix, i)); err != nil {
							return err
						}
					}
					return nil
				}
			}
			return inPhases(s, z.few, []phase{
				{"put", each(func(name string) error { return l.store(name, content) }), z.few},
				{"get", each(func(name string) error { return l.retrieve(name, content) }), z.few},
				{"remove", each(func(name string) error { _, err := l.command(250, "DELE "+name); return err }), 0},
			})
		},
	}
}

// ftpLogins have a full handshake each where there is TLS.
func ftpLogins(sec security) *benchCase {
	least := map[security]float64{plain: 10, private: 8}
	return loginCase(&benchCase{
		name: "login/" + string(sec), secure: sec == private, reference: "vsftpd",
		about: "log in with a password, QUIT; lean client, " + sec.text(),
	}, target{ratioAtLeast, least[sec]}, func(s *server) (func(context.Context) error, error) {
		cfg, err := sec.config(s.rig)
		return func(ctx context.Context) error {
			l, err := loginFTP(ctx, s, cfg)
			if err != nil {
				return err
			}
			return l.close()
		}, err
	})
}

func ftpIdle(z sizes, sec security) *benchCase {
	most := map[security]float64{plain: 32, private: 64}
	c := idleCase(z, &benchCase{name: "idle/" + string(sec), secure: sec == private, about: "a session, " + sec.text() + ","},
		target{oursAtMost, most[sec]}, func(ctx context.Context, s *server, n int) (sessions, error) {
			cfg, err := sec.config(s.rig)
			if err != nil {
				return nil, err
			}
			return dialFTPs(ctx, s, cfg, n)
		})
	return c
}

func ftpListing(z sizes, verb string) *benchCase {
	return listingCase(z, &benchCase{name: "listing/" + strings.ToLower(verb), about: verb + ", lean client, no TLS"},
		func(ctx context.Context, s *server) (sessions, listFunc, error) {
			f, err := dialFTPs(ctx, s, nil, 1)
			return f, func(dir string) (int, error) { return f[0].list(verb, dir) }, err
		})
}
