package rawssh

import (
	"fmt"

	"golang.org/x/crypto/ssh"
)

// Message numbers of the connection protocol, RFC 4254 section 9, and of
// OpenSSH's ping.
const (
	MsgChannelConfirm = 91
	MsgChannelFailed  = 92
	MsgWindowAdjust   = 93
	MsgChannelData    = 94
	MsgExtendedData   = 95
	MsgChannelEOF     = 96
	MsgChannelClose   = 97
	MsgChannelSuccess = 99
	MsgChannelFailure = 100
	MsgPing           = 192
	MsgPong           = 193
)

// ChannelOpen is SSH_MSG_CHANNEL_OPEN. ID is the client's number.
type ChannelOpen struct {
	Type                  string `sshtype:"90"`
	ID, Window, MaxPacket uint32
	Rest                  []byte `ssh:"rest"`
}

// ChannelRequest is SSH_MSG_CHANNEL_REQUEST. Channel is the server's number.
type ChannelRequest struct {
	Channel uint32 `sshtype:"98"`
	Type    string
	Reply   bool
	Payload []byte `ssh:"rest"`
}

// GlobalRequest is SSH_MSG_GLOBAL_REQUEST.
type GlobalRequest struct {
	Type    string `sshtype:"80"`
	Reply   bool
	Payload []byte `ssh:"rest"`
}

// ChannelData is SSH_MSG_CHANNEL_DATA. Channel is the receiver's number.
type ChannelData struct {
	Channel uint32 `sshtype:"94"`
	Data    []byte
}

// WindowAdjust is SSH_MSG_CHANNEL_WINDOW_ADJUST.
type WindowAdjust struct {
	Channel uint32 `sshtype:"93"`
	Add     uint32
}

// Await returns the next packet with one of these message numbers and drops
// all others, but for DISCONNECT, which is an error.
func (c *Conn) Await(numbers ...byte) ([]byte, error) {
	for {
		packet, err := c.Recv()
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			if packet[0] == n {
				return packet, nil
			}
		}
		if packet[0] == MsgDisconnect {
			return packet, fmt.Errorf("rawssh: disconnected: %w", disconnectOf(packet))
		}
	}
}

// OpenSession opens a session channel and returns the server's number for it.
// The error is an *ssh.OpenChannelError when the server refused.
func (c *Conn) OpenSession(id, window, maxPacket uint32) (server uint32, err error) {
	if err := c.SendMsg(&ChannelOpen{Type: "session", ID: id, Window: window, MaxPacket: maxPacket}); err != nil {
		return 0, err
	}
	packet, err := c.Await(MsgChannelConfirm, MsgChannelFailed)
	if err != nil {
		return 0, err
	}
	if packet[0] == MsgChannelFailed {
		var refused struct {
			ID     uint32 `sshtype:"92"`
			Reason uint32
			Text   string
			Lang   string
		}
		if err := ssh.Unmarshal(packet, &refused); err != nil {
			return 0, err
		}
		return 0, &ssh.OpenChannelError{Reason: ssh.RejectionReason(refused.Reason), Message: refused.Text}
	}
	var confirm struct {
		ID                        uint32 `sshtype:"91"`
		Server, Window, MaxPacket uint32
	}
	return confirm.Server, ssh.Unmarshal(packet, &confirm)
}

// Request sends a channel request and returns whether it was granted.
func (c *Conn) Request(channel uint32, kind string, payload []byte) (bool, error) {
	if err := c.SendMsg(&ChannelRequest{Channel: channel, Type: kind, Reply: true, Payload: payload}); err != nil {
		return false, err
	}
	packet, err := c.Await(MsgChannelSuccess, MsgChannelFailure)
	return err == nil && packet[0] == MsgChannelSuccess, err
}

// Start asks for a subsystem or a command, and fails when it is refused.
func (c *Conn) Start(channel uint32, kind, name string) error {
	ok, err := c.Request(channel, kind, ssh.Marshal(struct{ Name string }{name}))
	if err == nil && !ok {
		err = fmt.Errorf("rawssh: %s %q refused", kind, name)
	}
	return err
}

// Data sends data on a channel, whatever its window is.
func (c *Conn) Data(channel uint32, data []byte) error {
	return c.SendMsg(&ChannelData{channel, data})
}

// CloseChannel sends SSH_MSG_CHANNEL_CLOSE.
func (c *Conn) CloseChannel(channel uint32) error {
	return c.SendMsg(&struct {
		Channel uint32 `sshtype:"97"`
	}{channel})
}

// Alive asks for an answer to a global request that no server knows, and drops
// what comes before it.
func (c *Conn) Alive() error {
	if err := c.SendMsg(&GlobalRequest{Type: "alive@rawssh", Reply: true}); err != nil {
		return err
	}
	_, err := c.Await(MsgRequestFailure)
	return err
}
