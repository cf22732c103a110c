package ftp

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// code is a reply code of RFC 959 section 4.2, or of the RFC that is named.
type code int

const (
	codeOpening         code = 150
	codeOK              code = 200
	codeSuperfluous     code = 202
	codeSystem          code = 211
	codeDirStatus       code = 212
	codeFileStatus      code = 213
	codeHelp            code = 214
	codeName            code = 215
	codeReady           code = 220
	codeBye             code = 221
	codeDataOpen        code = 225
	codeClosing         code = 226
	codePassive         code = 227
	codeExtendedPassive code = 229 // RFC 2428
	codeLoggedIn        code = 230
	codeAuthorized      code = 232 // RFC 2228
	codeSecure          code = 234 // RFC 2228
	codeDone            code = 250
	codePath            code = 257
	codeNeedPassword    code = 331
	codeNeedAccount     code = 332
	codePending         code = 350
	codeNotAvailable    code = 421
	codeNoData          code = 425
	codeAborted         code = 426
	codeUnavailable     code = 450
	codeLocalError      code = 451
	codeNoSpace         code = 452
	codeSyntax          code = 500
	codeArgument        code = 501
	codeUnimplemented   code = 502
	codeSequence        code = 503
	codeParameter       code = 504
	codeBadProtocol     code = 522 // RFC 2428; TLS on data connections, too
	codeNotLoggedIn     code = 530
	codeProtLevel       code = 534 // RFC 2228: policy
	codeProtUnsupported code = 536 // RFC 2228
	codeNoFile          code = 550
	codeQuota           code = 552
	codeBadName         code = 553
	codeRestart         code = 554 // RFC 3659: bad REST
)

// reply is what the client is told. Its text never holds what a client sent,
// except names in quotes, in which no control characters are possible.
type reply struct {
	code code
	text string
	// lines stand between the first line, which is text, and the last one,
	// which is end. Nil: a reply of one line.
	lines []string
	end   string
}

func say(c code, format string, args ...any) *reply {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	return &reply{code: c, text: format}
}

// quote puts a path into double quotes as RFC 959 appendix II has it.
func quote(path string) string { return `"` + strings.ReplaceAll(path, `"`, `""`) + `"` }

// bytes is the reply on the wire. A line in the middle begins with a blank, so
// that none looks like the last one.
func (r *reply) bytes() []byte {
	if r.lines == nil {
		return fmt.Appendf(nil, "%d %s\r\n", r.code, r.text)
	}
	b := fmt.Appendf(nil, "%d-%s\r\n", r.code, r.text)
	for _, line := range r.lines {
		b = append(append(append(b, ' '), line...), "\r\n"...)
	}
	return fmt.Appendf(b, "%d %s\r\n", r.code, r.end)
}

// replies writes to the control connection. Safe for concurrent use: replies of
// a transfer and of commands during it must not mix.
type replies struct {
	sock net.Conn   // under w
	mu   sync.Mutex // held while a reply is written
	w    io.Writer
}

// send writes r in one piece: middle boxes look for single lines in segments. A
// client that does not take it within limit is given up, if that is not 0.
func (w *replies) send(r *reply, limit time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if limit > 0 {
		if err := w.sock.SetWriteDeadline(time.Now().Add(limit)); err != nil {
			return err
		}
		defer w.sock.SetWriteDeadline(time.Time{}) // TLS writes by itself as well
	}
	_, err := w.w.Write(r.bytes())
	return err
}

// secure has replies go to another writer, which is TLS over the first.
func (w *replies) secure(over io.Writer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.w = over
}
