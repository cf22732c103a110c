package quick

import (
	"fmt"
	"io"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/examples/mft/internal/certificate"
	"github.com/quaymaster/quaymaster/examples/mft/internal/endpoint"
)

// Explain writes how to connect.
func (s *Share) Explain(w io.Writer, open []endpoint.Endpoint) error {
	var b strings.Builder
	for _, key := range s.hostKeys {
		fmt.Fprintf(&b, "host key %s %s\n", key.PublicKey().Type(), ssh.FingerprintSHA256(key.PublicKey()))
	}
	if s.cert != nil {
		fmt.Fprintf(&b, "certificate SHA-256 %s\n", certificate.Fingerprint(s.cert.Leaf()))
	}
	for _, e := range open {
		switch e.Protocol {
		case "sftp":
			fmt.Fprintf(&b, "connect with: %s\n", sftpCommand(s.opts.User, e.Addr))
		case "ftp", "ftps":
			fmt.Fprintf(&b, "connect with: %s\n", ftpCommand(e.Protocol, s.opts.User, certificate.Pin(s.cert.Leaf()), e.Addr))
		}
	}
	if s.generated != "" {
		fmt.Fprintf(&b, "password %s\n", s.generated)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// sftpCommand is the command line for OpenSSH's client.
func sftpCommand(user string, addr net.Addr) string {
	host, port := reachable(addr)
	return fmt.Sprintf("sftp -P %s %s", port, quote(user+"@"+host))
}

// ftpCommand is a command line for curl, which knows the server by its key and
// not by an authority.
func ftpCommand(protocol, user, pin string, addr net.Addr) string {
	host, port := reachable(addr)
	need := ""
	if protocol == "ftp" {
		need = "--ssl-reqd "
	}
	return fmt.Sprintf("curl %s--insecure --pinnedpubkey %s --user %s %s", need, quote(pin), quote(user), quote(protocol+"://"+host+":"+port+"/"))
}

// reachable is where a client on this machine finds a listener.
func reachable(addr net.Addr) (host, port string) {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String(), "0" // not a TCP address: nothing better is known
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host, port
}

// quote makes word one word for a shell.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@.-_+/:=", r)
	}
	if strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
