package rawssh

import (
	"fmt"

	"golang.org/x/crypto/ssh"
)

// Message numbers of RFC 4250 section 4.1.2 and RFC 8308.
const (
	MsgDisconnect     = 1
	MsgIgnore         = 2
	MsgUnimplemented  = 3
	MsgDebug          = 4
	MsgServiceRequest = 5
	MsgServiceAccept  = 6
	MsgExtInfo        = 7
	MsgKexInit        = 20
	MsgNewKeys        = 21
	MsgKexReply       = 31
	MsgAuthRequest    = 50
	MsgAuthFailure    = 51
	MsgAuthSuccess    = 52
	MsgAuthBanner     = 53
	MsgAuthPKOK       = 60 // also SSH_MSG_USERAUTH_INFO_REQUEST
	MsgInfoResponse   = 61
	MsgGlobalRequest  = 80
	MsgRequestSuccess = 81
	MsgRequestFailure = 82
	MsgChannelOpen    = 90
	MsgChannelRequest = 98
)

// Disconnect is SSH_MSG_DISCONNECT.
type Disconnect struct {
	Reason   uint32 `sshtype:"1"`
	Message  string
	Language string
}

func (d *Disconnect) Error() string { return fmt.Sprintf("reason %d: %s", d.Reason, d.Message) }

func disconnectOf(packet []byte) error {
	d := new(Disconnect)
	if err := ssh.Unmarshal(packet, d); err != nil {
		return err
	}
	return d
}

// AuthFailure is SSH_MSG_USERAUTH_FAILURE.
type AuthFailure struct {
	Methods []string `sshtype:"51"`
	Partial bool
}

type authRequest struct {
	User    string `sshtype:"50"`
	Service string
	Method  string
	Rest    []byte `ssh:"rest"`
}

// RequestService asks for a service and waits until it is granted.
func (c *Conn) RequestService(name string) error {
	if err := c.SendMsg(&struct {
		Name string `sshtype:"5"`
	}{name}); err != nil {
		return err
	}
	_, err := c.Expect(MsgServiceAccept)
	return err
}

// Ready is Dial, KeyExchange and RequestService of "ssh-userauth": the point
// at which a login begins.
func Ready(addr string) (*Conn, error) {
	c, err := Dial(addr)
	if err != nil {
		return nil, err
	}
	if err = c.KeyExchange(nil); err == nil {
		err = c.RequestService("ssh-userauth")
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// SendAuth sends SSH_MSG_USERAUTH_REQUEST; rest is what the method adds.
func (c *Conn) SendAuth(user, method string, rest []byte) error {
	return c.SendMsg(&authRequest{user, "ssh-connection", method, rest})
}

// SendPassword sends an attempt with a password.
func (c *Conn) SendPassword(user, password string) error {
	return c.SendAuth(user, "password", ssh.Marshal(struct {
		Change   bool
		Password string
	}{false, password}))
}

// SendKeyQuery asks whether a key would do.
func (c *Conn) SendKeyQuery(user, algo string, key []byte) error {
	return c.SendAuth(user, "publickey", ssh.Marshal(struct {
		Signed bool
		Algo   string
		Key    []byte
	}{false, algo, key}))
}

// SendKey sends an attempt with a key and a signature, which need not fit.
func (c *Conn) SendKey(user, algo string, key []byte, sig *ssh.Signature) error {
	return c.SendAuth(user, "publickey", ssh.Marshal(struct {
		Signed         bool
		Algo           string
		Key, Signature []byte
	}{true, algo, key, ssh.Marshal(sig)}))
}

// ToSign returns what the signature of SendKey is made over, RFC 4252
// section 7.
func (c *Conn) ToSign(user, algo string, key []byte) []byte {
	return ssh.Marshal(struct {
		Session       []byte
		Number        byte
		User, Service string
		Method        string
		Signed        bool
		Algo          string
		Key           []byte
	}{c.SessionID, MsgAuthRequest, user, "ssh-connection", "publickey", true, algo, key})
}

// AuthResult reads the answer to an attempt: nil for success, the *AuthFailure
// if the server says so, and else what went wrong.
func (c *Conn) AuthResult() (*AuthFailure, error) {
	for {
		packet, err := c.Recv()
		if err != nil {
			return nil, err
		}
		switch packet[0] {
		case MsgIgnore, MsgDebug, MsgExtInfo, MsgAuthBanner:
		case MsgAuthSuccess:
			return nil, nil
		case MsgAuthFailure:
			f := new(AuthFailure)
			return f, ssh.Unmarshal(packet, f)
		case MsgDisconnect:
			return nil, fmt.Errorf("rawssh: disconnected: %w", disconnectOf(packet))
		default:
			return nil, fmt.Errorf("rawssh: got message %d during authentication", packet[0])
		}
	}
}

// Login is Dial and Conn.Login.
func Login(addr, user, password string) (*Conn, error) {
	c, err := Dial(addr)
	if err != nil {
		return nil, err
	}
	if err := c.Login(user, password); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Login exchanges keys and logs in with a password that must be right.
func (c *Conn) Login(user, password string) error {
	if err := c.KeyExchange(nil); err != nil {
		return err
	}
	if err := c.RequestService("ssh-userauth"); err != nil {
		return err
	}
	if err := c.SendPassword(user, password); err != nil {
		return err
	}
	failure, err := c.AuthResult()
	if err == nil && failure != nil {
		err = fmt.Errorf("rawssh: login refused; left: %v", failure.Methods)
	}
	return err
}
