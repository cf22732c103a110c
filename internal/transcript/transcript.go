// Package transcript replays dialogues of text protocols that stand in files, for
// tests. A file has one step in each line:
//
//	# a comment, or nothing
//	C: USER ann            the client sends a line
//	C| "LIST\n\xff\xf4"    the client sends bytes, as Go quotes them
//	S: 331 Password {*}    the server answers a line; {*} stands for anything
//	S: 229 Extended ({port})  and {port} for a number
//	T: control             the client begins TLS
//	D: connect             the client connects to the port of the last 227 or 229
//	D> "text"              all that the server sends on the data connection
//	D< "text"              what the client sends there before it closes it
//	X:                     the server closes the control connection
//
// Data connections use TLS after PROT P was answered by 200.
package transcript

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// timeout bounds each step.
const timeout = 10 * time.Second

// Player is a client that reads its part from a file.
type Player struct {
	// Conn is the control connection.
	Conn net.Conn
	// TLS is for "T:" and private data connections; nil: there are none.
	TLS *tls.Config
	// Update makes Play collect what the server said in place of what it should
	// have said; see Text.
	Update bool

	in      *bufio.Reader
	port    string
	data    net.Conn
	private bool
	sent    string // the last command
	text    strings.Builder
}

// Text is the transcript with the server's real lines, after a Play with Update.
func (p *Player) Text() string { return p.text.String() }

// Play replays a transcript. The error names the line that did not go as it
// says.
func (p *Player) Play(script string) error {
	p.in = bufio.NewReader(p.Conn)
	defer func() {
		if p.data != nil {
			p.data.Close()
		}
	}()
	for n, line := range strings.Split(strings.TrimSuffix(script, "\n"), "\n") {
		if err := p.Conn.SetDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
		said, err := p.step(line)
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", n+1, line, err)
		}
		p.text.WriteString(said + "\n")
	}
	return nil
}

// step plays one line and returns how it went.
func (p *Player) step(line string) (said string, err error) {
	kind, arg := line, ""
	if len(line) >= 2 {
		kind, arg = line[:2], strings.TrimPrefix(line[2:], " ")
	}
	switch kind {
	case "C:":
		p.sent = arg
		_, err = io.WriteString(p.Conn, arg+"\r\n")
	case "C|":
		var raw string
		if raw, err = strconv.Unquote(arg); err == nil {
			_, err = io.WriteString(p.Conn, raw)
		}
	case "S:":
		return p.expect(arg)
	case "T:":
		secure := tls.Client(p.Conn, p.TLS)
		err = secure.Handshake()
		p.Conn, p.in = secure, bufio.NewReader(secure)
	case "D:":
		err = p.connect()
	case "D>":
		return p.receive(arg)
	case "D<":
		err = p.send(arg)
	case "X:":
		var rest []byte
		if rest, err = io.ReadAll(p.in); err == nil && len(rest) > 0 {
			err = fmt.Errorf("server said %q", rest)
		}
	default:
		if line != "" && line[0] != '#' {
			err = errors.New("what is this?")
		}
	}
	return line, err
}

func (p *Player) expect(want string) (string, error) {
	line, err := p.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	got, ended := strings.CutSuffix(line, "\r\n")
	if !ended {
		return "", fmt.Errorf("line %q does not end with CR LF", line)
	}
	numbers := regexp.MustCompile(`\|\|\|(\d+)\|\)|,(\d+),(\d+)\)`).FindStringSubmatch(got)
	if numbers != nil && (strings.HasPrefix(got, "227") || strings.HasPrefix(got, "229")) {
		if p.port = numbers[1]; p.port == "" {
			high, _ := strconv.Atoi(numbers[2])
			low, _ := strconv.Atoi(numbers[3])
			p.port = strconv.Itoa(high<<8 | low)
		}
	}
	switch {
	case strings.EqualFold(p.sent, "PROT P") && strings.HasPrefix(got, "200"):
		p.private = true
	case strings.EqualFold(p.sent, "PROT C") && strings.HasPrefix(got, "200"):
		p.private = false
	}
	if pattern(want).MatchString(got) {
		return "S: " + want, nil
	}
	if p.Update {
		return "S: " + got, nil
	}
	return "", fmt.Errorf("server said %q", got)
}

// pattern is a regular expression for a line with placeholders.
func pattern(line string) *regexp.Regexp {
	text := regexp.QuoteMeta(line)
	text = strings.ReplaceAll(text, regexp.QuoteMeta("{*}"), ".*")
	text = strings.ReplaceAll(text, regexp.QuoteMeta("{port}"), `[0-9]+`)
	return regexp.MustCompile("^" + text + "$")
}

func (p *Player) connect() error {
	host, _, err := net.SplitHostPort(p.Conn.RemoteAddr().String())
	if err != nil {
		return err
	}
	p.data, err = net.DialTimeout("tcp", net.JoinHostPort(host, p.port), timeout)
	if err != nil {
		return err
	}
	return p.data.SetDeadline(time.Now().Add(timeout))
}

// open returns the data connection, which the step uses up.
func (p *Player) open() (net.Conn, error) {
	nc := p.data
	if p.data = nil; nc == nil {
		return nil, errors.New("no data connection")
	}
	if !p.private {
		return nc, nil
	}
	secure := tls.Client(nc, p.TLS)
	return secure, secure.Handshake()
}

func (p *Player) receive(arg string) (string, error) {
	want, err := strconv.Unquote(arg)
	if err != nil {
		return "", err
	}
	nc, err := p.open()
	if err != nil {
		return "", err
	}
	defer nc.Close()
	got, err := io.ReadAll(nc)
	if err != nil {
		return "", err
	}
	if pattern(strings.ReplaceAll(want, "\r\n", "\x00")).MatchString(strings.ReplaceAll(string(got), "\r\n", "\x00")) {
		return "D> " + arg, nil
	}
	if p.Update {
		return "D> " + strconv.Quote(string(got)), nil
	}
	return "", fmt.Errorf("server sent %q", got)
}

func (p *Player) send(arg string) error {
	text, err := strconv.Unquote(arg)
	if err != nil {
		return err
	}
	nc, err := p.open()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(nc, text); err != nil {
		return errors.Join(err, nc.Close())
	}
	return nc.Close()
}

// WriteBack replaces file by what Play collected, when the two differ.
func (p *Player) WriteBack(file, script string) error {
	if p.Text() == script {
		return nil
	}
	return os.WriteFile(file, []byte(p.Text()), 0o644)
}
