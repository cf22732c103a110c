// Package charset translates the names of files between UTF-8 and the
// character sets of old clients.
package charset

import (
	"fmt"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"github.com/quaymaster/quaymaster/ftp"
)

// utf8 is the name of what needs no translation.
const utf8 = "UTF-8"

type named struct {
	name     string
	encoding encoding.Encoding
}

// all lists the sets in which ASCII is ASCII: the protocol around the names
// must stay what it is. That is why there is no UTF-16 and no ISO-2022.
func all() []named {
	return []named{
		{"windows-1250", charmap.Windows1250}, {"windows-1251", charmap.Windows1251}, {"windows-1252", charmap.Windows1252},
		{"windows-1253", charmap.Windows1253}, {"windows-1254", charmap.Windows1254}, {"windows-1255", charmap.Windows1255},
		{"windows-1256", charmap.Windows1256}, {"windows-1257", charmap.Windows1257}, {"windows-1258", charmap.Windows1258},
		{"windows-874", charmap.Windows874},
		{"ISO-8859-1", charmap.ISO8859_1}, {"ISO-8859-2", charmap.ISO8859_2}, {"ISO-8859-3", charmap.ISO8859_3},
		{"ISO-8859-4", charmap.ISO8859_4}, {"ISO-8859-5", charmap.ISO8859_5}, {"ISO-8859-6", charmap.ISO8859_6},
		{"ISO-8859-7", charmap.ISO8859_7}, {"ISO-8859-8", charmap.ISO8859_8}, {"ISO-8859-9", charmap.ISO8859_9},
		{"ISO-8859-10", charmap.ISO8859_10}, {"ISO-8859-13", charmap.ISO8859_13}, {"ISO-8859-14", charmap.ISO8859_14},
		{"ISO-8859-15", charmap.ISO8859_15}, {"ISO-8859-16", charmap.ISO8859_16},
		{"KOI8-R", charmap.KOI8R}, {"KOI8-U", charmap.KOI8U}, {"macintosh", charmap.Macintosh},
		{"IBM437", charmap.CodePage437}, {"IBM850", charmap.CodePage850}, {"IBM852", charmap.CodePage852},
		{"IBM855", charmap.CodePage855}, {"IBM858", charmap.CodePage858}, {"IBM862", charmap.CodePage862},
		{"IBM866", charmap.CodePage866},
		{"Shift_JIS", japanese.ShiftJIS}, {"EUC-JP", japanese.EUCJP}, {"EUC-KR", korean.EUCKR},
		{"GBK", simplifiedchinese.GBK}, {"GB18030", simplifiedchinese.GB18030}, {"Big5", traditionalchinese.Big5},
	}
}

// Names returns the names of all sets.
func Names() []string {
	names := []string{utf8}
	for _, n := range all() {
		names = append(names, n.name)
	}
	return names
}

// Named returns the set with that name, whatever the case of its letters; nil
// for UTF-8, which needs none.
func Named(name string) (set ftp.Charset, ok bool) {
	if strings.EqualFold(name, utf8) {
		return nil, true
	}
	for _, n := range all() {
		if strings.EqualFold(n.name, name) {
			return translator(n), true
		}
	}
	return nil, false
}

// translator is a ftp.Charset that takes only what means the same both ways:
// two names on one side must never become one on the other.
type translator named

// Decode implements ftp.Charset.
func (t translator) Decode(wire string) (string, error) {
	name, err := t.encoding.NewDecoder().String(wire)
	if err != nil {
		return "", fmt.Errorf("%s: %w", t.name, err)
	}
	if back, err := t.encoding.NewEncoder().String(name); err != nil || back != wire {
		return "", fmt.Errorf("%s: no text in this character set", t.name)
	}
	return name, nil
}

// Encode implements ftp.Charset.
func (t translator) Encode(name string) (string, error) {
	wire, err := t.encoding.NewEncoder().String(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", t.name, err)
	}
	if back, err := t.encoding.NewDecoder().String(wire); err != nil || back != name {
		return "", fmt.Errorf("%s: %q can't be written in this character set", t.name, name)
	}
	return wire, nil
}
