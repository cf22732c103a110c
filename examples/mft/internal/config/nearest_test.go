package config

import "testing"

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"port", "port", 0}, {"prot", "port", 1},
		{"kitten", "sitting", 3}, {"nmae", "name", 1}, {"sftp", "ftp", 1},
	} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestFoldName(t *testing.T) {
	same := [][2]string{{"Anna", "aNNA"}, {"\u00e9", "e\u0301"}, {"\u212a", "k"}, {"ﬁ", "FI"}, {"ſ", "S"}}
	for _, pair := range same {
		if FoldName(pair[0]) != FoldName(pair[1]) {
			t.Errorf("%q and %q are not the same", pair[0], pair[1])
		}
	}
	if FoldName("anna") == FoldName("anne") {
		t.Error("anna and anne are the same")
	}
}
