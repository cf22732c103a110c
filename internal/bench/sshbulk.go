package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// bulkCases move one large file with OpenSSH's own clients, whose login is part
// of the time.
func bulkCases(z sizes) []*benchCase {
	var cases []*benchCase
	for _, c := range []struct {
		name, cipher string // no cipher: the client's own choice
		get, getCPU  target
		put, putCPU  target
	}{
		{"default", "", target{ratioAtMost, 0.55}, target{ratioAtMost, 0.42}, target{ratioAtMost, 0.70}, target{ratioAtMost, 0.70}},
		{"aes128-gcm", "aes128-gcm@openssh.com", target{ratioAtMost, 0.50}, target{ratioAtMost, 0.60}, target{}, target{}},
		{"chacha20-poly1305", "chacha20-poly1305@openssh.com", target{}, target{}, target{}, target{}},
	} {
		what := fmt.Sprintf("of %s with OpenSSH's sftp, %s", sizeText(z.big), cipherText(c.cipher))
		get := bulkCase(z, "get/"+c.name, "get "+what, c.get, c.getCPU)
		get.measure = func(ctx context.Context, s *server, check checking) (values, error) {
			return fetch(ctx, s, z, check, func(ctx context.Context, from, to string) (float64, error) {
				return s.sftp(ctx, fmt.Sprintf("get %s %s\n", from, to), c.cipher)
			})
		}
		put := bulkCase(z, "put/"+c.name, "put "+what, c.put, c.putCPU)
		put.measure = func(ctx context.Context, s *server, check checking) (values, error) {
			return send(ctx, s, z, check, func(ctx context.Context, from, to string) (float64, error) {
				return s.sftp(ctx, fmt.Sprintf("put %s %s\n", from, to), c.cipher)
			})
		}
		cases = append(cases, get, put)
	}
	return cases
}

func cipherText(cipher string) string {
	if cipher == "" {
		return "the client's default ciphers"
	}
	return cipher
}

// scpCases use the original protocol.
func scpCases(z sizes) []*benchCase {
	what := fmt.Sprintf("of %s with OpenSSH's scp -O, its default ciphers", sizeText(z.big))
	scp := func(s *server) []string { return []string{"-O", "-q", "-F", s.config} }
	get := bulkCase(z, "scp/get", "get "+what, target{ratioAtMost, 0.60}, target{})
	get.measure = func(ctx context.Context, s *server, check checking) (values, error) {
		return fetch(ctx, s, z, check, func(ctx context.Context, from, to string) (float64, error) {
			return s.client(ctx, "", "scp", append(scp(s), "bench:"+from, to)...)
		})
	}
	put := bulkCase(z, "scp/put", "put "+what, target{ratioAtMost, 0.60}, target{})
	put.measure = func(ctx context.Context, s *server, check checking) (values, error) {
		return send(ctx, s, z, check, func(ctx context.Context, from, to string) (float64, error) {
			return s.client(ctx, "", "scp", append(scp(s), from, "bench:"+to)...)
		})
	}
	for _, c := range []*benchCase{get, put} {
		c.skip = func() string {
			if _, ok := commands()["scp"]; !ok {
				return "our server has no scp"
			}
			return ""
		}
	}
	return []*benchCase{get, put}
}

// parallelGets has several clients fetch a file at the same time.
func parallelGets(z sizes) *benchCase {
	total := clients * z.part
	c := bulkCase(sizes{big: z.part}, "get/parallel",
		fmt.Sprintf("%d sftp clients at once get %s each, default ciphers", clients, sizeText(z.part)), target{}, target{})
	c.measure = func(ctx context.Context, s *server, check checking) (values, error) {
		name, err := s.rig.random(z.part)
		if err != nil {
			return nil, err
		}
		begin := time.Now()
		err = inParallel(clients, clients, func(_, i int) error {
			_, err := s.sftp(ctx, fmt.Sprintf("get %s%s got-%d\n", s.prefix, name, i), "")
			return err
		})
		if err != nil {
			return nil, err
		}
		v := values{"time": time.Since(begin).Seconds(), work: gib(total)}
		for i := range clients {
			got := filepath.Join(s.rig.local, fmt.Sprintf("got-%d", i))
			if err := verify(got, filepath.Join(s.rig.root, name), check); err != nil {
				return nil, err
			}
		}
		return v, nil
	}
	return c
}

// sftp runs OpenSSH's sftp with a batch in the clients' directory, and returns
// the seconds it took. An empty cipher is its own choice.
func (s *server) sftp(ctx context.Context, batch, cipher string) (float64, error) {
	args := []string{"-q", "-F", s.config, "-b", "-"}
	if cipher != "" {
		args = append(args, "-c", cipher)
	}
	return s.client(ctx, batch, "sftp", append(args, "bench")...)
}
