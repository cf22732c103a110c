package interop_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
)

// dbclient returns the command line of Dropbear's client, which would keep
// known hosts in the real home directory: -y -y asks for no host key.
func dbclient(r *rig, args ...string) []string {
	return append([]string{peer.Need(r.t, "dbclient", "dropbear-bin"), "-y", "-y", "-p", r.Port}, args...)
}

func TestDropbear(t *testing.T) {
	convert := peer.Need(t, "dropbearconvert", "dropbear-bin")
	sshpass, sftp, scp := peer.Need(t, "sshpass", "sshpass"), peer.Need(t, "sftp", "openssh-client"), peer.Need(t, "scp", "openssh-client")
	r := serve(t)
	key := filepath.Join(t.TempDir(), "key")
	r.ok(convert, "openssh", "dropbear", r.Key, key)
	whole := r.random("whole", 3<<20+1)
	r.write(filepath.Join(r.root, "a"), "a")

	line := dbclient(r, "-i", key, "u@"+r.Host, "sha256sum a")
	assert.Contains(t, r.ok(line[0], line[1:]...), digest([]byte("a"))+"  a\n")
	line = dbclient(r, "-i", key, "u@"+r.Host, "sha256sum nothing")
	assert.Contains(t, r.bad(line[0], line[1:]...), "No such file or directory")
	line = dbclient(r, "u@"+r.Host, "sha256sum a")
	assert.Contains(t, r.ok(sshpass, append([]string{"-p", r.Password}, line...)...), digest([]byte("a")))

	// OpenSSH's SFTP and SCP over Dropbear's SSH.
	wrapper := filepath.Join(t.TempDir(), "subsystem")
	line = dbclient(r, "-i", key, "-s", "u@"+r.Host, "sftp")
	r.write(wrapper, "#!/bin/sh\nexec "+strings.Join(line, " ")+"\n")
	batch := filepath.Join(t.TempDir(), "batch")
	r.write(batch, "put whole\nget whole back\n")
	r.ok("chmod", "+x", wrapper)
	r.ok(sftp, "-b", batch, "-D", wrapper)
	r.stored("whole", whole)
	r.fetched("back", whole)
	r.write(wrapper, "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done; shift 2\nexec "+
		strings.Join(dbclient(r, "-i", key, "u@"+r.Host), " ")+" \"$@\"\n")
	r.ok(scp, "-O", "-S", wrapper, "whole", "u@"+r.Host+":by-scp")
	r.stored("by-scp", whole)
	assert.Equal(t, 1, r.seen.logins()["password"]+r.seen.logins()["keyboard-interactive"])
	for _, client := range r.seen.clients() {
		assert.Contains(t, client, "dropbear")
	}
	r.refused = []string{"download /nothing: file does not exist"}
}

func TestSSHKeyscan(t *testing.T) {
	keyscan := peer.Need(t, "ssh-keyscan", "openssh-client")
	r := serve(t)
	out, err := r.command(keyscan, "-t", "ed25519", "-p", r.Port, r.Host).Output()
	require.NoError(t, err)
	want, err := r.command("cat", r.Known).Output()
	require.NoError(t, err)
	assert.Equal(t, strings.TrimSpace(string(want)), strings.TrimSpace(string(out)))
	// Kinds of keys that the server does not have are no keys and no harm.
	r.ok(keyscan, "-p", r.Port, r.Host)
	assert.Empty(t, r.seen.logins())
}

// sshpass types the password; one of the methods that ask is enough.
func TestSSHPass(t *testing.T) {
	sshpass, scp := peer.Need(t, "sshpass", "sshpass"), peer.Need(t, "scp", "openssh-client")
	r := serve(t)
	whole := r.random("whole", 1<<20)
	copyBy := func(password, method string) []string {
		return []string{"-p", password, scp, "-s", "-F", "/dev/null", "-P", r.Port, "-o", "UserKnownHostsFile=" + r.Known, "-o",
			"PubkeyAuthentication=no", "-o", "PreferredAuthentications=" + method, "whole", fmt.Sprintf("u@%s:%s", r.Host, method)}
	}
	for _, method := range []string{"password", "keyboard-interactive"} {
		r.ok(sshpass, copyBy(r.Password, method)...)
		r.stored(method, whole)
	}
	r.bad(sshpass, copyBy("wrong", "password")...)
	assert.Equal(t, map[string]int{"password": 1, "keyboard-interactive": 1}, r.seen.logins())
	r.refused = []string{"login: auth: denied"}
}

// New keys are agreed upon in the midst of transfers, both ways at the client's
// will.
func TestOpenSSHRekey(t *testing.T) {
	sftp := peer.Need(t, "sftp", "openssh-client")
	r := serve(t)
	whole := r.random("whole", 4<<20+1)
	batch := filepath.Join(t.TempDir(), "batch")
	r.write(batch, "put whole\nget whole back\n")
	out := r.ok(sftp, append(r.Options(), "-v", "-o", "RekeyLimit=512K", "-b", batch, "u@"+r.Host)...)
	assert.GreaterOrEqual(t, strings.Count(out, "SSH2_MSG_NEWKEYS received"), 8)
	r.stored("whole", whole)
	r.fetched("back", whole)
}
