package sshd

import "golang.org/x/crypto/ssh"

// LegacyAlgorithms returns DefaultAlgorithms with what old clients need added
// after it, such as old versions of JSch, WinSCP and PuTTY: RSA signatures with
// SHA-1 for host and user keys (ssh-rsa), the key exchanges
// diffie-hellman-group14-sha1, -group14-sha256, -group16-sha512 and
// -group-exchange-sha256, and the MAC hmac-sha1.
//
// It is dangerous. Collisions of SHA-1 can be made for the price of a rented
// machine, so ssh-rsa proves less than it should of both sides. A client that
// knows better is not weakened, because the negotiation is part of what the host
// key signs; but one that does not, or is misled about what it may use, is at
// the mercy of whoever is on the line. The finite-field exchanges cost the
// server many times what they cost a client, so a few clients keep it busy.
// Use it on a listener of its own, for the addresses of those clients, and for
// a time.
//
// It adds no cipher: CBC and RC4 can be had by their names only. Certificates
// whose authority signed with SHA-1 stay refused, because there an attacker has
// all the time that it takes.
func LegacyAlgorithms() *Algorithms {
	a := DefaultAlgorithms()
	a.KeyExchanges = append(a.KeyExchanges,
		ssh.KeyExchangeDH16SHA512, ssh.KeyExchangeDHGEXSHA256, ssh.KeyExchangeDH14SHA256, ssh.InsecureKeyExchangeDH14SHA1)
	a.MACs = append(a.MACs, ssh.HMACSHA1)
	a.PublicKeys = append(a.PublicKeys, ssh.KeyAlgoRSA)
	a.HostKeys = append(a.HostKeys, ssh.KeyAlgoRSA)
	return a
}
