package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/auth"
)

// login is how a script logs in.
type login struct {
	user   string
	auth   []ssh.AuthMethod
	header string // what a proxy sends ahead
}

// parseLogin takes the options of a client command away.
func parseLogin(ts *testscript.TestScript, args []string) (login, []string) {
	l := login{user: "mft"}
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		switch value := args[1]; args[0] {
		case "-user":
			l.user = value
		case "-password":
			l.auth = append(l.auth, ssh.Password(value))
		case "-key":
			signer, err := ssh.ParsePrivateKey([]byte(ts.ReadFile(value)))
			ts.Check(err)
			l.auth = append(l.auth, ssh.PublicKeys(signer))
		case "-certificate":
			l.auth = append(l.auth, ssh.PublicKeys(certified(ts, value)))
		case "-code":
			l.auth = append(l.auth, codes(func() (string, error) { return value, nil }))
		case "-totp":
			key, err := auth.ParseTOTPKey(value)
			ts.Check(err)
			l.auth = append(l.auth, codes(func() (string, error) { return key.Code(time.Now()) }))
		case "-from":
			l.header = "PROXY TCP4 " + value + " 127.0.0.1 4000 22\r\n"
		default:
			ts.Fatalf("unknown option %s", args[0])
		}
		args = args[2:]
	}
	return l, args
}

// codes answers a dialogue that asks for a one-time code, and no other.
func codes(code func() (string, error)) ssh.AuthMethod {
	return ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
		if len(questions) == 0 {
			return nil, nil
		}
		if len(questions) > 1 || !strings.Contains(questions[0], "code") {
			return nil, fmt.Errorf("unexpected questions %q", questions)
		}
		answer, err := code()
		return []string{answer}, err
	})
}

// dial logs in. The server must have a host key that it announced.
func dial(srv *server, l login) (*ssh.Client, error) {
	conn, err := net.DialTimeout("tcp", srv.addr, patience)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, l.header); err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	c, channels, requests, err := ssh.NewClientConn(conn, srv.addr, &ssh.ClientConfig{
		User: l.user, Auth: l.auth,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if !srv.keys[ssh.FingerprintSHA256(key)] {
				return fmt.Errorf("the host key %s was not announced", ssh.FingerprintSHA256(key))
			}
			return nil
		},
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	return ssh.NewClient(c, channels, requests), nil
}

// dialSFTP logs in and starts SFTP. The end of the process closes what is
// below the client.
func dialSFTP(srv *server, l login) (*sftp.Client, error) {
	conn, err := dial(srv, l)
	if err != nil {
		return nil, err
	}
	return sftp.NewClient(conn)
}

// clientVerbs are what "sftp" can do. What they print can be matched with
// "stdout".
func clientVerbs(ts *testscript.TestScript, c *sftp.Client, verb string, args []string) error {
	switch {
	case verb == "put" && len(args) == 2:
		return put(c, readAll(ts, args[0]), args[1])
	case verb == "get" && len(args) == 1:
		f, err := c.Open(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(ts.Stdout(), f)
		return err
	case verb == "same" && len(args) == 2: // FILE REMOTE
		f, err := c.Open(args[1])
		if err != nil {
			return err
		}
		defer f.Close()
		got, err := io.ReadAll(f)
		if err == nil && !bytes.Equal(got, readAll(ts, args[0])) {
			return fmt.Errorf("%s is not %s", args[1], args[0])
		}
		return err
	case verb == "ls" && len(args) == 1:
		list, err := c.ReadDir(args[0])
		var names []string
		for _, fi := range list {
			names = append(names, fi.Name())
		}
		slices.Sort(names)
		fmt.Fprintln(ts.Stdout(), strings.Join(names, "\n"))
		return err
	case verb == "mkdir" && len(args) == 1:
		return c.Mkdir(args[0])
	case verb == "rm" && len(args) == 1:
		return c.Remove(args[0])
	case verb == "pwd" && len(args) == 0:
		dir, err := c.Getwd()
		fmt.Fprintln(ts.Stdout(), dir)
		return err
	}
	return fmt.Errorf("unknown command %s %q", verb, args)
}

func put(c *sftp.Client, data []byte, remote string) error {
	f, err := c.Create(remote)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func cmdSFTP(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: sftp NAME [OPTIONS] VERB ARGS...")
	}
	srv := stateOf(ts).server(ts, args[0])
	l, args := parseLogin(ts, args[1:])
	expect(ts, neg, session(ts, srv, l, args))
}

// expect wants an error if neg, and none otherwise.
func expect(ts *testscript.TestScript, neg bool, err error) {
	if !neg {
		ts.Check(err)
		return
	}
	if err == nil {
		ts.Fatalf("unexpected success")
	}
	fmt.Fprintln(ts.Stderr(), err)
}

// cmdSSH runs one command line.
func cmdSSH(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: ssh NAME [OPTIONS] COMMAND...")
	}
	srv := stateOf(ts).server(ts, args[0])
	l, args := parseLogin(ts, args[1:])
	expect(ts, neg, runCommand(ts, srv, l, strings.Join(args, " ")))
}

func runCommand(ts *testscript.TestScript, srv *server, l login, line string) error {
	c, err := dial(srv, l)
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	s.Stdout, s.Stderr = ts.Stdout(), ts.Stderr()
	return s.Run(line)
}

func session(ts *testscript.TestScript, srv *server, l login, args []string) error {
	c, err := dialSFTP(srv, l)
	if err != nil {
		return err
	}
	defer c.Close()
	return clientVerbs(ts, c, args[0], args[1:])
}

// halfUpload is an upload that a script left open.
type halfUpload struct {
	client *sftp.Client
	file   *sftp.File
	rest   []byte
}

func cmdBegin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: begin NAME [OPTIONS] DATA PATH")
	}
	s := stateOf(ts)
	srv := s.server(ts, args[0])
	l, args := parseLogin(ts, args[1:])
	c, err := dialSFTP(srv, l)
	ts.Check(err)
	data := readAll(ts, args[0])
	f, err := c.Create(args[1])
	ts.Check(err)
	_, err = f.Write(data[:len(data)/2])
	ts.Check(err)
	s.upload = &halfUpload{c, f, data[len(data)/2:]}
}

func cmdFinish(ts *testscript.TestScript, neg bool, _ []string) {
	u := stateOf(ts).upload
	if neg || u == nil {
		ts.Fatalf("there is nothing to finish")
	}
	_, err := u.file.Write(u.rest)
	ts.Check(err)
	ts.Check(u.file.Close())
	u.client.Close() // the server may have closed it first
}

func cmdNewKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: newkey FILE")
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	block, err := ssh.MarshalPrivateKey(private, "")
	ts.Check(err)
	key, err := ssh.NewPublicKey(public)
	ts.Check(err)
	file := ts.MkAbs(args[0])
	ts.Check(os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	ts.Check(os.WriteFile(file+".pub", ssh.MarshalAuthorizedKey(key), 0o644))
}

// cmdCertify lets the authority CA say that KEY belongs to USER.
func cmdCertify(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: certify CA KEY USER")
	}
	authority, err := ssh.ParsePrivateKey([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(ts.ReadFile(args[1] + ".pub")))
	ts.Check(err)
	cert := &ssh.Certificate{
		Key: key, CertType: ssh.UserCert, KeyId: args[1], ValidPrincipals: []string{args[2]}, ValidBefore: ssh.CertTimeInfinity,
	}
	ts.Check(cert.SignCert(rand.Reader, authority))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]+"-cert.pub"), ssh.MarshalAuthorizedKey(cert), 0o644))
}

// certified is the key in file with the certificate beside it.
func certified(ts *testscript.TestScript, file string) ssh.Signer {
	signer, err := ssh.ParsePrivateKey([]byte(ts.ReadFile(file)))
	ts.Check(err)
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(ts.ReadFile(file + "-cert.pub")))
	ts.Check(err)
	signer, err = ssh.NewCertSigner(public.(*ssh.Certificate), signer)
	ts.Check(err)
	return signer
}
