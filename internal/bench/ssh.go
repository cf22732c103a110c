package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func sshSuite() *suite {
	return &suite{
		name: "ssh",
		peers: []*peer{newOurs(func(r *rig, _ *benchCase) []string {
			return []string{"-hostkey", r.hostKey, "-user", r.user, "-authorized", r.key + ".pub"}
		}), newOpenSSH()},
		setup: makeKeys,
		versions: func(ctx context.Context, _ *rig) []string {
			out, err := exec.CommandContext(ctx, "ssh", "-V").CombinedOutput()
			if err != nil {
				return []string{"unknown version of OpenSSH"}
			}
			return []string{strings.TrimSpace(string(out))}
		},
		cases: func(z sizes) []*benchCase {
			return slices.Concat(bulkCases(z), scpCases(z), []*benchCase{
				parallelGets(z), smallFiles(z), listing(z), logins(), idleSessions(z), statLatency(z),
			})
		},
	}
}

func makeKeys(ctx context.Context, r *rig) error {
	r.key, r.hostKey = filepath.Join(r.dir, "key"), filepath.Join(r.dir, "hostkey")
	for _, file := range []string{r.key, r.hostKey} {
		if err := makeKey(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

// makeKey has ssh-keygen write a key pair.
func makeKey(ctx context.Context, file string) error {
	out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ssh-keygen: %w: %s", err, out)
	}
	return nil
}
