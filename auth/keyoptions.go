package auth

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// parseOptions reads the options at the start of line and returns what follows
// them.
func (k *AuthorizedKey) parseOptions(line string) (rest string, err error) {
	seen := make(map[string]bool)
	for {
		name, after := cutName(line)
		value := ""
		text, hasValue := strings.CutPrefix(after, "=")
		if hasValue {
			if value, after, err = cutQuoted(text); err != nil {
				return "", fmt.Errorf("option %.40q: %w", name, err)
			}
		}
		if err := k.setOption(name, value, hasValue, seen[name]); err != nil {
			return "", fmt.Errorf("option %.40q: %w", name, err)
		}
		seen[name] = true
		if after == "" {
			return "", errors.New("no key")
		}
		if after[0] == ' ' || after[0] == '\t' {
			return strings.TrimLeft(after, " \t"), nil
		}
		if after[0] != ',' {
			return "", fmt.Errorf("option %.40q: unexpected %q", name, after[0])
		}
		line = after[1:]
	}
}

// cutName returns the name of an option in lower case: they are
// case-insensitive.
func cutName(s string) (name, rest string) {
	i := strings.IndexAny(s, "=, \t\"")
	if i < 0 {
		i = len(s)
	}
	return strings.ToLower(s[:i]), s[i:]
}

// cutQuoted takes a value in double quotes off s. A backslash stands for
// itself except before a quote.
func cutQuoted(s string) (value, rest string, err error) {
	if s == "" || s[0] != '"' {
		return "", "", errors.New("value is not quoted")
	}
	var out strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return out.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
			out.WriteByte('"')
		default:
			out.WriteByte(s[i])
		}
	}
	return "", "", errors.New("missing end quote")
}

// setOption notes one option. What only concerns terminals, forwarding or the
// environment is accepted without effect: sessions here have none of it.
func (k *AuthorizedKey) setOption(name, value string, hasValue, again bool) error {
	switch name {
	case "command", "from", "principals", "expiry-time":
		if value == "" {
			return errors.New("needs a value")
		}
		if again {
			return errors.New("given twice")
		}
		return k.setRestriction(name, value)
	case "environment", "permitopen", "permitlisten", "tunnel":
		if value == "" {
			return errors.New("needs a value")
		}
		return nil
	}
	if hasValue {
		if isFlag(name) {
			return errors.New("takes no value")
		}
		return errors.New("unknown option")
	}
	switch name {
	case "cert-authority":
		k.CertAuthority = true
	case "no-touch-required":
		k.NoTouchRequired = true
	case "touch-required":
		k.NoTouchRequired = false
	case "verify-required":
		k.VerifyRequired = true
	case "no-verify-required":
		k.VerifyRequired = false
	default:
		if !isFlag(name) {
			return errors.New("unknown option")
		}
	}
	return nil
}

func isFlag(name string) bool {
	switch name {
	case "restrict", "cert-authority":
		return true
	}
	switch strings.TrimPrefix(name, "no-") {
	case "agent-forwarding", "port-forwarding", "pty", "user-rc", "x11-forwarding",
		"touch-required", "verify-required":
		return true
	}
	return false
}

func (k *AuthorizedKey) setRestriction(name, value string) (err error) {
	switch name {
	case "command":
		k.Command = value
	case "from":
		k.from, err = parseFrom(value)
	case "expiry-time":
		k.Expires, err = parseExpiry(value)
	case "principals":
		k.Principals = strings.Split(value, ",")
		for _, p := range k.Principals {
			if p == "" {
				return errors.New("empty principal")
			}
		}
	}
	return err
}

// parseExpiry reads YYYYMMDD[Z] or YYYYMMDDHHMM[SS][Z]; without the Z it is in
// the time zone of the system.
func parseExpiry(s string) (time.Time, error) {
	zone := time.Local
	digits, utc := strings.CutSuffix(s, "Z")
	if utc {
		zone = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(layout) == len(digits) {
			// The parser takes a fraction after the seconds, the length does not.
			if t, err := time.ParseInLocation(layout, digits, zone); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, errors.New("not a time")
}
