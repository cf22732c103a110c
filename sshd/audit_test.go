package sshd_test

import (
	"context"
	"encoding/json"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/sshd"
)

// audited is what ssh-audit calls a failure although it is none, and why. The
// verdicts are in its text only, not in its JSON.
var audited = map[string]string{
	"ecdh-sha2-nistp256":  "it suspects the curve of a back door; banks must offer it (FIPS 186)",
	"ecdh-sha2-nistp384":  "as before",
	"ecdh-sha2-nistp521":  "as before",
	"ecdsa-sha2-nistp256": "as before; the test has a key of this kind to see all algorithms",
}

func TestSSHAudit(t *testing.T) {
	t.Parallel()
	program := peer.Need(t, "ssh-audit", "ssh-audit")
	addr := start(t, &sshd.Server{HostKeys: []ssh.Signer{newKey(t), ecdsaKey(t), rsaKey(t)}, ClientCipherOrder: true})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	// It exits with what it found, so its status says nothing here.
	out, _ := exec.CommandContext(ctx, program, "-n", "-p", port, host).CombinedOutput()
	require.Contains(t, string(out), "SSH-2.0-Quaymaster", "it got to the server")
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.Contains(line, "[fail]") {
			assert.Contains(t, audited, fields[1], line)
		}
	}
	out, _ = exec.CommandContext(ctx, program, "-j", "-p", port, host).Output()
	var report map[string]any
	require.NoError(t, json.Unmarshal(out, &report), "%s", out)
	assert.NotEmpty(t, report["enc"])
	assert.NotEmpty(t, report["kex"])
	assert.Empty(t, report["cves"])
}

// ssh-keyscan fetches each host key without logging in.
func TestSSHKeyscan(t *testing.T) {
	t.Parallel()
	program := peer.Need(t, "ssh-keyscan", "openssh-client")
	keys := []ssh.Signer{newKey(t), ecdsaKey(t), rsaKey(t)}
	host, port, err := net.SplitHostPort(start(t, &sshd.Server{HostKeys: keys}))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "-p", port, host).Output()
	require.NoError(t, err)
	for _, key := range keys {
		assert.Contains(t, string(out), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey()))))
	}
}
