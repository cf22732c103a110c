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

	"github.com/pkg/sftp"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"
)

// login is how a script logs in.
type login struct {
	user string
	auth []ssh.AuthMethod
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
		default:
			ts.Fatalf("unknown option %s", args[0])
		}
		args = args[2:]
	}
	return l, args
}

// dial logs in and starts SFTP. The server must have a host key that it
// announced.
func dial(srv *server, l login) (*sftp.Client, error) {
	conn, err := ssh.Dial("tcp", srv.addr, &ssh.ClientConfig{
		User: l.user, Auth: l.auth, Timeout: patience,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if !srv.keys[ssh.FingerprintSHA256(key)] {
				return fmt.Errorf("the host key %s was not announced", ssh.FingerprintSHA256(key))
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return sftp.NewClient(conn) // the end of the process closes conn
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
	err := session(ts, srv, l, args)
	if neg {
		if err == nil {
			ts.Fatalf("unexpected success")
		}
		fmt.Fprintln(ts.Stderr(), err)
		return
	}
	ts.Check(err)
}

func session(ts *testscript.TestScript, srv *server, l login, args []string) error {
	c, err := dial(srv, l)
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
	c, err := dial(srv, l)
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
