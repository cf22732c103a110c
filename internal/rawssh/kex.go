package rawssh

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"

	"golang.org/x/crypto/ssh"
)

// KexInit is SSH_MSG_KEXINIT, RFC 4253 section 7.1.
type KexInit struct {
	Cookie                [16]byte `sshtype:"20"`
	KexAlgos              []string
	HostKeyAlgos          []string
	CiphersToServer       []string
	CiphersToClient       []string
	MACsToServer          []string
	MACsToClient          []string
	CompressionToServer   []string
	CompressionToClient   []string
	LanguagesToServer     []string
	LanguagesToClient     []string
	FirstKexPacketFollows bool
	Reserved              uint32
}

// NewKexInit returns what KeyExchange(nil) sends. A test may change it, but
// the server must still choose curve25519-sha256 and aes128-gcm@openssh.com.
// Add "ext-info-c" or "kex-strict-c-v00@openssh.com" to KexAlgos to ask for
// those.
func NewKexInit() *KexInit {
	none, gcm := []string{"none"}, []string{"aes128-gcm@openssh.com"}
	mac := []string{"hmac-sha2-256"}
	k := &KexInit{
		KexAlgos: []string{"curve25519-sha256"},
		HostKeyAlgos: []string{
			"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256",
		},
		CiphersToServer: gcm, CiphersToClient: gcm, MACsToServer: mac, MACsToClient: mac,
		CompressionToServer: none, CompressionToClient: none,
	}
	rand.Read(k.Cookie[:]) // never fails
	return k
}

type kexECDHInit struct {
	Public []byte `sshtype:"30"`
}

type kexECDHReply struct {
	HostKey   []byte `sshtype:"31"`
	Public    []byte
	Signature []byte
}

// ServerKexInit returns the server's first KEXINIT, which it sends unasked.
func (c *Conn) ServerKexInit() (*KexInit, error) {
	if c.serverKI == nil {
		packet, err := c.Expect(MsgKexInit)
		if err != nil {
			return nil, err
		}
		c.serverKI = packet
	}
	k := new(KexInit)
	return k, ssh.Unmarshal(c.serverKI, k)
}

// KeyExchange exchanges keys, for the first time or again. A nil init means
// NewKexInit.
func (c *Conn) KeyExchange(init *KexInit) error {
	if init == nil {
		init = NewKexInit()
	}
	mine := ssh.Marshal(init)
	if err := c.Send(mine); err != nil {
		return err
	}
	if _, err := c.ServerKexInit(); err != nil {
		return err
	}
	theirs := c.serverKI
	c.serverKI = nil
	return c.finish(mine, theirs)
}

// finish does RFC 5656 section 4 with curve25519 (RFC 8731), after both sides
// sent their KEXINIT.
func (c *Conn) finish(mine, theirs []byte) error {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	public := private.PublicKey().Bytes()
	if err := c.SendMsg(&kexECDHInit{public}); err != nil {
		return err
	}
	packet, err := c.Expect(MsgKexReply)
	if err != nil {
		return err
	}
	var reply kexECDHReply
	if err := ssh.Unmarshal(packet, &reply); err != nil {
		return err
	}
	peer, err := ecdh.X25519().NewPublicKey(reply.Public)
	if err != nil {
		return err
	}
	shared, err := private.ECDH(peer)
	if err != nil {
		return err
	}
	secret := ssh.Marshal(struct{ K *big.Int }{new(big.Int).SetBytes(shared)})
	h := sha256.Sum256(append(ssh.Marshal(struct {
		VC, VS             string
		IC, IS, KS, QC, QS []byte
	}{c.version, c.ServerVersion, mine, theirs, reply.HostKey, public, reply.Public}), secret...))
	if err := c.verifyHost(&reply, h[:]); err != nil {
		return err
	}
	if c.SessionID == nil {
		c.SessionID = h[:]
	}
	return c.changeKeys(secret, h[:])
}

func (c *Conn) verifyHost(reply *kexECDHReply, h []byte) error {
	key, err := ssh.ParsePublicKey(reply.HostKey)
	if err != nil {
		return err
	}
	sig := new(ssh.Signature)
	if err := ssh.Unmarshal(reply.Signature, sig); err != nil {
		return err
	}
	if err := key.Verify(h, sig); err != nil {
		return fmt.Errorf("rawssh: host key: %w", err)
	}
	c.HostKey, c.HostSignature = key, sig
	return nil
}

// changeKeys exchanges NEWKEYS and takes the keys of RFC 4253 section 7.2 into
// use, each direction after its own NEWKEYS.
func (c *Conn) changeKeys(secret, h []byte) error {
	derive := func(letter byte, n int) []byte {
		d := sha256.New()
		d.Write(secret)
		d.Write(h)
		d.Write([]byte{letter})
		d.Write(c.SessionID)
		return d.Sum(nil)[:n]
	}
	seal, err := newSealer(derive('C', 16), derive('A', 12))
	if err != nil {
		return err
	}
	open, err := newSealer(derive('D', 16), derive('B', 12))
	if err != nil {
		return err
	}
	if err := c.Send([]byte{MsgNewKeys}); err != nil {
		return err
	}
	c.seal = seal
	if _, err := c.Expect(MsgNewKeys); err != nil {
		return err
	}
	c.open = open
	return nil
}
