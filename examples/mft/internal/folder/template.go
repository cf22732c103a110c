package folder

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// userVariable stands for the name of the account in a path.
const userVariable = "${USER}"

// HasUser tells whether Expand would put a name into template.
func HasUser(template string) bool { return strings.Contains(template, userVariable) }

// Expand puts user into template in place of each "${USER}", as one component
// that can't lead elsewhere. Any other "${" is an error.
func Expand(template, user string) (string, error) {
	out := template
	if HasUser(template) {
		name, err := Component(user)
		if err != nil {
			return "", err
		}
		// The name holds no "$", so it can't be taken for a variable below.
		out = strings.ReplaceAll(template, userVariable, name)
	}
	if strings.Contains(out, "${") {
		return "", fmt.Errorf("%q holds a variable other than %s", template, userVariable)
	}
	return out, nil
}

// Component makes a user name fit to be one component of a path: characters
// other than letters, digits and some harmless ones become a dot. A name of
// which only dots are left is refused.
func Component(user string) (string, error) {
	name := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune("-_.@+", r) {
			return r
		}
		return '.'
	}, norm.NFC.String(user))
	if strings.Trim(name, ".") == "" || len(name) > 255 || !filepath.IsLocal(name) {
		return "", fmt.Errorf("the name %q can't become the name of a folder", user)
	}
	return name, nil
}
