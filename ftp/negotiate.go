package ftp

import (
	"context"
	"crypto/tls"
	"slices"
	"strconv"
	"strings"
)

// feat is FEAT (RFC 2389): what works now, in this state of the session.
func (c *conn) feat(context.Context, string) *reply {
	return &reply{code: codeSystem, text: "Features:", lines: c.features(), end: "End."}
}

// features are the lines of FEAT. What the server refuses by policy is not among
// them.
func (c *conn) features() []string {
	var lines []string
	add := func(verb, line string, when bool) {
		if when && c.srv.allowed(verb) {
			lines = append(lines, line)
		}
	}
	add("AUTH", "AUTH TLS;TLS-C;SSL", c.srv.TLS != nil && c.tls == nil)
	add("PBSZ", "PBSZ", c.srv.TLS != nil)
	add("PROT", "PROT", c.srv.TLS != nil)
	add("AVBL", "AVBL", true)
	add("CLNT", "CLNT", true)
	add("COMB", "COMB target;parts", true)
	add("CSID", "CSID Name; Version;", true)
	add("EPRT", "EPRT", !c.srv.PassiveOnly)
	add("EPSV", "EPSV", true)
	add("HASH", "HASH "+hashFeature(c.hash), true)
	add("HOST", "HOST", c.session == nil)
	add("LANG", "LANG EN*", true)
	add("MD5", "MD5", true)
	add("MDTM", "MDTM", true)
	add("MFF", "MFF Modify;UNIX.mode;", true)
	add("MFMT", "MFMT", true)
	add("MLST", c.facts.feature(), true)
	add("MODE", "MODE Z", c.srv.ModeZ)
	add("RANG", "RANG STREAM", true)
	add("REST", "REST STREAM", true)
	for _, verb := range c.srv.siteFeatures() {
		add("SITE", "SITE "+verb, true)
	}
	add("SIZE", "SIZE", true)
	add("PWD", "TVFS", true)
	lines = append(lines, "UTF8")
	for _, v := range xhashes() {
		add(v.verb, v.verb, v.feature)
	}
	return lines
}

// opts is OPTS (RFC 2389 section 4).
func (c *conn) opts(_ context.Context, arg string) *reply {
	name, rest, _ := strings.Cut(arg, " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToUpper(name) {
	case "UTF8", "UTF-8":
		if rest == "" || strings.EqualFold(rest, "ON") || c.srv.Charset != nil {
			return say(codeOK, "Always in UTF8 mode.")
		}
		return say(codeParameter, "UTF8 can't be switched off.")
	case "MLST":
		c.facts = parseFacts(rest)
		return say(codeOK, "MLST OPTS %s", c.facts.chosen())
	case "HASH":
		if rest == "" {
			return say(codeOK, "%s", c.hash)
		}
		algo, ok := hashNamed(rest)
		if !ok {
			return say(codeParameter, "Unknown algorithm.")
		}
		c.hash = algo
		return say(codeOK, "%s", algo)
	case "MODE":
		return c.optsMode(rest)
	case "REST": // WinSCP asks before it resumes
		return say(codeOK, "REST works with STOR.")
	}
	return say(codeArgument, "Unknown option.")
}

// optsMode is OPTS MODE Z LEVEL n.
func (c *conn) optsMode(arg string) *reply {
	words := strings.Fields(strings.ToUpper(arg))
	if !c.srv.ModeZ || len(words) != 3 || words[0] != "Z" || words[1] != "LEVEL" {
		return say(codeArgument, "Unknown option.")
	}
	n, err := strconv.ParseUint(words[2], 10, 8)
	if err != nil || n < 1 || n > 9 {
		return say(codeArgument, "LEVEL is 1 to 9.")
	}
	c.level = int(n)
	return say(codeOK, "MODE Z LEVEL set to %d.", n)
}

func (c *conn) syst(context.Context, string) *reply { return say(codeName, "UNIX Type: L8") }
func (c *conn) noop(context.Context, string) *reply { return say(codeOK, "OK.") }

// clnt is CLNT: the client's name goes into the description of the connection.
func (c *conn) clnt(_ context.Context, arg string) *reply {
	c.announce(arg)
	return say(codeOK, "Noted.")
}

// csid is CSID, draft-peterson-streamlined-ftp-command-extensions.
func (c *conn) csid(_ context.Context, arg string) *reply {
	c.announce(arg)
	return say(codeOK, "Name=FTP; Version=1;")
}

func (c *conn) announce(client string) {
	const limit = 200 // bytes that are kept
	info := *c.info
	info.Client = strings.ToValidUTF8(client[:min(len(client), limit)], "")
	c.info = &info
}

func (c *conn) lang(_ context.Context, arg string) *reply {
	if arg == "" || strings.HasPrefix(strings.ToLower(arg), "en") {
		return say(codeOK, "English it is.")
	}
	return say(codeParameter, "Only EN.")
}

// hostCommand is HOST (RFC 7151): a name that TLS has named already must be the
// same.
func (c *conn) hostCommand(_ context.Context, arg string) *reply {
	host := strings.ToLower(strings.Trim(arg, "[]"))
	known := slices.ContainsFunc(c.srv.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
	if len(c.srv.Hosts) > 0 && !known {
		return say(codeParameter, "Unknown host.")
	}
	if c.info.TLS != nil && c.info.TLS.ServerName != "" && !strings.EqualFold(c.info.TLS.ServerName, host) {
		return say(codeParameter, "TLS has named another host.")
	}
	c.host = host
	return say(codeReady, "Host accepted.")
}

// typeCommand is TYPE.
func (c *conn) typeCommand(_ context.Context, arg string) *reply {
	switch strings.ToUpper(strings.TrimSpace(arg)) {
	case "A", "A N":
		c.ascii = true
		return say(codeOK, "Switching to ASCII mode.")
	case "I", "L 8", "L8":
		c.ascii = false
		return say(codeOK, "Switching to Binary mode.")
	}
	return say(codeParameter, "TYPE is A, A N, I or L 8.")
}

func (c *conn) mode(_ context.Context, arg string) *reply {
	switch strings.ToUpper(strings.TrimSpace(arg)) {
	case "S":
		c.deflate = false
		return say(codeOK, "Mode set to S.")
	case "Z":
		if c.srv.ModeZ {
			c.deflate = true
			return say(codeOK, "Mode set to Z.")
		}
	}
	return say(codeParameter, "Unknown mode.")
}

func (c *conn) stru(_ context.Context, arg string) *reply {
	if strings.EqualFold(strings.TrimSpace(arg), "F") {
		return say(codeOK, "Structure set to F.")
	}
	return say(codeParameter, "Only STRU F.")
}

// authCommand is AUTH, RFC 4217 section 4. What came behind it in the clear
// could have been put there by somebody on the way: CVE-2011-1575.
func (c *conn) authCommand(ctx context.Context, arg string) *reply {
	mechanism := strings.ToUpper(strings.TrimSpace(arg))
	switch {
	case c.srv.TLS == nil:
		return say(codeUnimplemented, "TLS is not available here.")
	case c.tls != nil:
		return say(codeSequence, "Already secured.")
	case mechanism != "TLS" && mechanism != "TLS-C" && mechanism != "SSL" && mechanism != "TLS-P":
		return say(codeParameter, "AUTH TLS only.")
	case c.in.buffered() || len(c.queue) > 0:
		c.login.broken = errInjected
		return say(codeSyntax, "Something follows AUTH in the clear, goodbye.")
	}
	if err := c.send(say(codeSecure, "Proceed with TLS.")); err != nil {
		c.login.broken = err
		return nil
	}
	if err := c.startTLS(ctx); err != nil {
		c.login.broken = err
		return nil
	}
	c.login.user, c.login.passed = "", nil // proven to whom?
	// RFC 4217 section 4: these two mean data connections as well.
	c.private = mechanism == "SSL" || mechanism == "TLS-P"
	return nil
}

// pbsz is PBSZ: TLS has no buffers to agree on.
func (c *conn) pbsz(_ context.Context, arg string) *reply {
	if c.tls == nil {
		return say(codeSequence, "AUTH TLS first.")
	}
	if _, ok := parseSize(strings.TrimSpace(arg)); !ok {
		return say(codeArgument, "PBSZ takes a number.")
	}
	return say(codeOK, "PBSZ=0")
}

// prot is PROT. It is taken without PBSZ, which some clients leave out.
func (c *conn) prot(_ context.Context, arg string) *reply {
	if c.tls == nil {
		return say(codeSequence, "AUTH TLS first.")
	}
	switch strings.ToUpper(strings.TrimSpace(arg)) {
	case "P":
		c.private = true
		return say(codeOK, "Data connections will be private.")
	case "C":
		if c.srv.mustTLS() {
			return say(codeProtLevel, "Data connections must be private.")
		}
		c.private = false
		return say(codeOK, "Data connections will be clear.")
	case "S", "E":
		return say(codeProtUnsupported, "PROT is C or P.")
	}
	return say(codeParameter, "PROT is C or P.")
}

func (c *conn) ccc(context.Context, string) *reply {
	return say(codeProtLevel, "The control connection stays private.")
}

// tlsText names what was negotiated.
func tlsText(state tls.ConnectionState) string {
	return tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite)
}
