package ftp

import (
	"context"
	"errors"
	"strings"

	"github.com/quaymaster/quaymaster/internal/serve"
)

// errForeign ends a connection that speaks another protocol.
var errForeign = errors.New("not FTP: the first line of another protocol")

// obey runs one command and sends its reply.
func (c *conn) obey(ctx context.Context, line string) error {
	if foreign(line) {
		c.quit = true
		return errForeign // and not a word, which others could make use of
	}
	text, err := c.decode(line)
	if err != nil {
		return c.answer(say(codeArgument, "Name can't be decoded."))
	}
	cmd := parseCommand(text)
	v, refusal := c.choose(cmd)
	if refusal != nil {
		return c.answer(refusal)
	}
	c.log.Debug("command", "verb", cmd.verb, "argument", shown(cmd))
	var r *reply
	if broken := serve.Fence(c.log, func() { r = v.run(c, ctx, cmd.arg) }); broken != nil {
		return errors.Join(broken, c.send(say(codeNotAvailable, "Internal error, goodbye.")))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if v.keeps&keepRename == 0 {
		c.next.rename = ""
	}
	if v.keeps&keepRestart == 0 {
		c.next.restart, c.next.end = 0, 0
	}
	if c.login.broken != nil {
		return errors.Join(c.login.broken, c.send(r))
	}
	return c.answer(r)
}

// shown is the argument of a command for the log.
func shown(cmd command) string {
	if cmd.verb == "PASS" || cmd.verb == "ACCT" || strings.HasPrefix(cmd.arg, "PSWD") {
		return "[redacted]"
	}
	return cmd.arg
}

// choose finds the verb, or why the command is refused.
func (c *conn) choose(cmd command) (*verb, *reply) {
	if cmd.verb == "" {
		return nil, say(codeSyntax, "That is no command.")
	}
	v := c.srv.verbs[cmd.verb]
	switch {
	case v == nil:
		return nil, say(codeSyntax, "Unknown command.")
	case !c.srv.allowed(cmd.verb):
		return nil, say(codeUnimplemented, "Command is not available here.")
	case badArgument(cmd.arg):
		return nil, say(codeArgument, "Argument must be UTF-8 without control characters.")
	case v.when == afterLogin && c.session == nil:
		return nil, say(codeNotLoggedIn, "Please log in with USER and PASS first.")
	case v.when == beforeLogin && c.session != nil:
		return nil, say(codeSequence, "Already logged in.")
	case v.arg == mustHave && cmd.arg == "":
		return nil, say(codeArgument, "Argument missing.")
	case v.arg == mayNot && strings.TrimSpace(cmd.arg) != "":
		return nil, say(codeArgument, "No argument expected.")
	}
	return v, nil
}

// decode and encode translate between the wire and UTF-8.
func (c *conn) decode(line string) (string, error) {
	if c.srv.Charset == nil {
		return line, nil
	}
	return c.srv.Charset.Decode(line)
}

func (c *conn) encode(r *reply) *reply {
	if c.srv.Charset == nil {
		return r
	}
	out := *r
	out.text, out.end = c.encodeName(r.text), c.encodeName(r.end)
	if r.lines != nil {
		out.lines = make([]string, len(r.lines))
		for i, line := range r.lines {
			out.lines[i] = c.encodeName(line)
		}
	}
	return &out
}

// encodeName puts "?" for a name that the charset has no letters for.
func (c *conn) encodeName(name string) string {
	if c.srv.Charset == nil {
		return name
	}
	wire, err := c.srv.Charset.Encode(name)
	if err != nil {
		return "?"
	}
	return wire
}
