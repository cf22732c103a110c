package sshd_test

import (
	"net"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/rawssh"
	"github.com/quaymaster/quaymaster/sshd"
)

type globalRequest struct {
	Type    string `sshtype:"80"`
	Reply   bool
	Payload []byte `ssh:"rest"`
}

// blobs packs keys as the two requests have them.
func blobs(keys ...ssh.PublicKey) (out []byte) {
	for _, k := range keys {
		out = append(out, ssh.Marshal(struct{ Key []byte }{k.Marshal()})...)
	}
	return out
}

func TestHostKeysAnnounced(t *testing.T) {
	key, spare, ca := newKey(t), newKey(t), newKey(t)
	rsa := rsaKey(t)
	cert := certificate(t, ca, rsa.PublicKey(), func(c *ssh.Certificate) { c.CertType = ssh.HostCert })
	certified, err := ssh.NewCertSigner(cert, rsa)
	require.NoError(t, err)
	addr := start(t, &sshd.Server{HostKeys: []ssh.Signer{key, certified}, AnnounceKeys: []ssh.Signer{spare, key}})
	all := []ssh.PublicKey{key.PublicKey(), rsa.PublicKey(), spare.PublicKey()}

	login := func() *rawssh.Conn {
		c, err := rawssh.Login(addr, "u", "p")
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		packet, err := c.Expect(rawssh.MsgGlobalRequest)
		require.NoError(t, err)
		var r globalRequest
		require.NoError(t, ssh.Unmarshal(packet, &r))
		assert.Equal(t, globalRequest{"hostkeys-00@openssh.com", false, blobs(all...)}, r, "plain keys, each once")
		return c
	}
	prove := func(c *rawssh.Conn, payload []byte) []byte {
		require.NoError(t, c.SendMsg(&globalRequest{"hostkeys-prove-00@openssh.com", true, payload}))
		packet, err := c.Recv()
		require.NoError(t, err)
		if packet[0] == rawssh.MsgRequestFailure {
			return nil
		}
		require.EqualValues(t, rawssh.MsgRequestSuccess, packet[0])
		return packet[1:]
	}
	c := login()
	rest := prove(c, blobs(all...))
	for _, k := range all {
		var one struct {
			Sig  []byte
			Rest []byte `ssh:"rest"`
		}
		require.NoError(t, ssh.Unmarshal(rest, &one))
		rest = one.Rest
		sig := new(ssh.Signature)
		require.NoError(t, ssh.Unmarshal(one.Sig, sig))
		assert.NotEqual(t, ssh.KeyAlgoRSA, sig.Format)
		assert.NoError(t, k.Verify(ssh.Marshal(struct {
			Type         string
			Session, Key []byte
		}{"hostkeys-prove-00@openssh.com", c.SessionID, k.Marshal()}), sig))
	}
	assert.Empty(t, rest)
	assert.Nil(t, prove(c, blobs(key.PublicKey())), "a second time")

	for name, payload := range map[string][]byte{
		"unknown": blobs(ca.PublicKey()), "among others": blobs(key.PublicKey(), ca.PublicKey()), "certificate": blobs(cert),
		"twice": blobs(key.PublicKey(), key.PublicKey()), "truncated": blobs(key.PublicKey())[:20], "huge length": {0xff, 0xff, 0xff, 0xff},
	} {
		assert.Nil(t, prove(login(), payload), name)
	}
	// One after the other is as good.
	c = login()
	for _, k := range all {
		assert.NotEmpty(t, prove(c, blobs(k)))
	}
}

// Nothing is said or proven before the login.
func TestHostKeysNotProvenBeforeLogin(t *testing.T) {
	key := newKey(t)
	c, err := rawssh.Ready(start(t, &sshd.Server{HostKeys: []ssh.Signer{key}}))
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SendMsg(&globalRequest{"hostkeys-prove-00@openssh.com", true, blobs(key.PublicKey())}))
	seen, err := c.Ended()
	require.NoError(t, err)
	assert.NotContains(t, seen, byte(rawssh.MsgRequestSuccess))
}

func offered(t *testing.T, srv *sshd.Server) []string {
	t.Helper()
	c, err := rawssh.Dial(start(t, srv))
	require.NoError(t, err)
	defer c.Close()
	init, err := c.ServerKexInit()
	require.NoError(t, err)
	return init.HostKeyAlgos
}

func TestHostKeyAlgorithms(t *testing.T) {
	rsa, key := rsaKey(t), newKey(t)
	assert.Equal(t, []string{"rsa-sha2-256", "rsa-sha2-512", "ssh-ed25519"}, offered(t, &sshd.Server{HostKeys: []ssh.Signer{rsa, key}}))
	assert.Equal(t, []string{"rsa-sha2-256", "rsa-sha2-512", "ssh-rsa"}, offered(t, &sshd.Server{HostKeys: []ssh.Signer{rsa}, Algorithms: sshd.LegacyAlgorithms()}))
	assert.Equal(t, []string{"rsa-sha2-512"}, offered(t, &sshd.Server{HostKeys: []ssh.Signer{rsa}, Algorithms: &sshd.Algorithms{HostKeys: []string{"rsa-sha2-512"}}}))
	// A key that is restricted itself stays so.
	only256, err := ssh.NewSignerWithAlgorithms(rsa.(ssh.AlgorithmSigner), []string{"rsa-sha2-256"})
	require.NoError(t, err)
	assert.Equal(t, []string{"rsa-sha2-256"}, offered(t, &sshd.Server{HostKeys: []ssh.Signer{only256}, Algorithms: sshd.LegacyAlgorithms()}))
	cert := certificate(t, key, rsa.PublicKey(), func(c *ssh.Certificate) { c.CertType = ssh.HostCert })
	certified, err := ssh.NewCertSigner(cert, rsa)
	require.NoError(t, err)
	assert.Equal(t, []string{"rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256", "rsa-sha2-512"},
		offered(t, &sshd.Server{HostKeys: []ssh.Signer{certified}}))

	type signOnly struct{ ssh.Signer } // hides that it can choose
	for name, srv := range map[string]*sshd.Server{
		"rsa that can't choose":   {HostKeys: []ssh.Signer{signOnly{rsa}}},
		"nothing in common":       {HostKeys: []ssh.Signer{only256}, Algorithms: &sshd.Algorithms{HostKeys: []string{"rsa-sha2-512"}}},
		"not allowed":             {HostKeys: []ssh.Signer{key}, Algorithms: &sshd.Algorithms{HostKeys: []string{"rsa-sha2-512"}}},
		"not allowed to announce": {HostKeys: []ssh.Signer{rsa}, AnnounceKeys: []ssh.Signer{key}, Algorithms: &sshd.Algorithms{HostKeys: []string{"rsa-sha2-512"}}},
	} {
		srv.Auth = passwordAuth
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		err = srv.Serve(l)
		assert.ErrorContains(t, err, "host key", name)
		assert.Equal(t, err, srv.Check(), name)
		assert.NotErrorIs(t, err, quaymaster.ErrServerClosed, name)
		l.Close()
	}
	good := &sshd.Server{HostKeys: []ssh.Signer{signOnly{key}}}
	assert.Error(t, good.Check(), "without Auth")
	assert.Equal(t, []string{"ssh-ed25519"}, offered(t, good))
	assert.NoError(t, good.Check())
}

// The legacy profile is the default with more behind it, and no cipher.
func TestLegacyAlgorithms(t *testing.T) {
	d, l := sshd.DefaultAlgorithms(), sshd.LegacyAlgorithms()
	for name, lists := range map[string][2][]string{
		"KeyExchanges": {d.KeyExchanges, l.KeyExchanges}, "MACs": {d.MACs, l.MACs}, "PublicKeys": {d.PublicKeys, l.PublicKeys}, "HostKeys": {d.HostKeys, l.HostKeys},
	} {
		require.Greater(t, len(lists[1]), len(lists[0]), name)
		assert.Equal(t, lists[0], lists[1][:len(lists[0])], name)
		for _, added := range lists[1][len(lists[0]):] {
			assert.NotContains(t, lists[0], added, name)
		}
	}
	assert.Equal(t, d.Ciphers, l.Ciphers)
	weakest := slices.Concat(l.KeyExchanges, l.Ciphers, l.MACs, l.PublicKeys, l.HostKeys)
	for _, never := range []string{"diffie-hellman-group1-sha1", "diffie-hellman-group-exchange-sha1", "hmac-sha1-96", "ssh-dss", "arcfour", "3des-cbc", "aes128-cbc"} {
		assert.NotContains(t, weakest, never)
	}
}

// An RSA key is proven with the algorithm of the key exchange, if that was RSA.
func TestHostKeyProofAlgorithm(t *testing.T) {
	rsa, key := rsaKey(t), newKey(t)
	addr := start(t, &sshd.Server{HostKeys: []ssh.Signer{rsa, key}, Algorithms: sshd.LegacyAlgorithms()})
	for negotiated, want := range map[string]string{
		"rsa-sha2-256": "rsa-sha2-256", "rsa-sha2-512": "rsa-sha2-512", "ssh-rsa": "ssh-rsa", "ssh-ed25519": "rsa-sha2-512",
	} {
		c, err := rawssh.Dial(addr)
		require.NoError(t, err)
		init := rawssh.NewKexInit()
		init.HostKeyAlgos = []string{negotiated}
		require.NoError(t, c.KeyExchange(init))
		if negotiated != "ssh-ed25519" {
			assert.Equal(t, negotiated, c.HostSignature.Format)
		}
		require.NoError(t, c.RequestService("ssh-userauth"))
		require.NoError(t, c.SendPassword("u", "p"))
		failure, err := c.AuthResult()
		require.NoError(t, err)
		require.Nil(t, failure)
		_, err = c.Expect(rawssh.MsgGlobalRequest)
		require.NoError(t, err)
		require.NoError(t, c.SendMsg(&globalRequest{"hostkeys-prove-00@openssh.com", true, blobs(rsa.PublicKey())}))
		packet, err := c.Expect(rawssh.MsgRequestSuccess)
		require.NoError(t, err)
		var reply struct{ Sig []byte }
		require.NoError(t, ssh.Unmarshal(packet[1:], &reply))
		sig := new(ssh.Signature)
		require.NoError(t, ssh.Unmarshal(reply.Sig, sig))
		assert.Equal(t, want, sig.Format, negotiated)
		c.Close()
	}
}
