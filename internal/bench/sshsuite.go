package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func sshSuite() *suite {
	return &suite{
		name:  "ssh",
		peers: []*peer{newOurs(), newOpenSSH()},
		cases: sshCases,
	}
}

func sshCases(z sizes) []*benchCase {
	var cases []*benchCase
	cases = append(cases, bulkCases(z)...)
	return cases
}

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
		get := sftpGet(z, c.cipher)
		get.name, get.metrics = "get/"+c.name, []metric{{"time", seconds, c.get}, {serverCPU, cpuPerGiB, c.getCPU}}
		put := sftpPut(z, c.cipher)
		put.name, put.metrics = "put/"+c.name, []metric{{"time", seconds, c.put}, {serverCPU, cpuPerGiB, c.putCPU}}
		cases = append(cases, get, put)
	}
	return cases
}

func gib(n int64) float64 { return float64(n) / (1 << 30) }

func cipherText(cipher string) string {
	if cipher == "" {
		return "the client's default cipher"
	}
	return cipher
}

func prepareBig(z sizes) func(context.Context, *rig) error {
	return func(_ context.Context, r *rig) error {
		_, err := r.big(z.big)
		return err
	}
}

func sftpGet(z sizes, cipher string) *benchCase {
	return &benchCase{
		about:   fmt.Sprintf("sftp get of %s, %s", sizeText(z.big), cipherText(cipher)),
		prepare: prepareBig(z),
		perCPU:  gib(z.big),
		measure: func(ctx context.Context, s *server, check checking) (values, error) {
			name, err := s.rig.big(z.big)
			if err != nil {
				return nil, err
			}
			to := filepath.Join(s.rig.local, "got")
			t, err := s.sftp(ctx, fmt.Sprintf("get %s%s %s\n", s.prefix, name, to), cipher)
			if err != nil {
				return nil, err
			}
			return values{"time": t}, verify(to, filepath.Join(s.rig.root, name), check)
		},
	}
}

func sftpPut(z sizes, cipher string) *benchCase {
	return &benchCase{
		about:   fmt.Sprintf("sftp put of %s, %s", sizeText(z.big), cipherText(cipher)),
		prepare: prepareBig(z),
		perCPU:  gib(z.big),
		measure: func(ctx context.Context, s *server, check checking) (values, error) {
			name, err := s.rig.big(z.big)
			if err != nil {
				return nil, err
			}
			from := filepath.Join(s.rig.local, name)
			t, err := s.sftp(ctx, fmt.Sprintf("put %s %sput\n", from, s.prefix), cipher)
			if err != nil {
				return nil, err
			}
			return values{"time": t}, verify(filepath.Join(s.rig.root, "put"), from, check)
		},
	}
}

// sftp runs OpenSSH's sftp with a batch and returns the seconds it took. An
// empty cipher is its own choice.
func (s *server) sftp(ctx context.Context, batch, cipher string) (float64, error) {
	args := []string{"-q", "-F", s.config, "-b", "-"}
	if cipher != "" {
		args = append(args, "-c", cipher)
	}
	return s.client(ctx, batch, "sftp", append(args, "bench")...)
}

// client runs a client program to its end.
func (s *server) client(ctx context.Context, stdin, program string, args ...string) (float64, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin, cmd.Dir, cmd.WaitDelay = strings.NewReader(stdin), s.rig.local, stopAfter
	cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK=")
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(begin).Seconds()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return took, nil
}
