package auth_test

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"hash"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/quaymaster/quaymaster/auth"
)

// shaCryptVectors are those of "Unix crypt using SHA-256 and SHA-512", 0.6.
var shaCryptVectors = []struct{ setting, password, want string }{
	{"$5$saltstring", "Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
	{"$5$rounds=10000$saltstringsaltstring", "Hello world!",
		"$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"},
	{"$5$rounds=5000$toolongsaltstring", "This is just a test",
		"$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5"},
	{"$5$rounds=1400$anotherlongsaltstring",
		"a very much longer text to encrypt.  This one even stretches over morethan one line.",
		"$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1"},
	{"$5$rounds=77777$short", "we have a short salt string but not a short password",
		"$5$rounds=77777$short$JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/"},
	{"$5$rounds=123456$asaltof16chars..", "a short string",
		"$5$rounds=123456$asaltof16chars..$gP3VQ/6X7UUEW3HkBn2w1/Ptq2jxPyzV/cZKmF/wJvD"},
	{"$5$rounds=10$roundstoolow", "the minimum number is still observed",
		"$5$rounds=1000$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC"},
	{"$6$saltstring", "Hello world!",
		"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
	{"$6$rounds=10000$saltstringsaltstring", "Hello world!",
		"$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."},
	{"$6$rounds=5000$toolongsaltstring", "This is just a test",
		"$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0"},
	{"$6$rounds=1400$anotherlongsaltstring",
		"a very much longer text to encrypt.  This one even stretches over morethan one line.",
		"$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1"},
	{"$6$rounds=77777$short", "we have a short salt string but not a short password",
		"$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0"},
	{"$6$rounds=123456$asaltof16chars..", "a short string",
		"$6$rounds=123456$asaltof16chars..$BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu.Ec6ycULevoBK25fs2xXgMNrCzIMVcgEJAstJeonj1"},
}

func TestSHACryptVectors(t *testing.T) {
	for _, v := range shaCryptVectors {
		if err := auth.VerifyPassword(v.want, v.password); err != nil {
			t.Errorf("%s: %v", v.want, err)
		}
		if err := auth.VerifyPassword(v.want, v.password+"x"); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: wrong password: %v", v.want, err)
		}
	}
}

// TestSHACryptOpenSSL compares with another implementation over lengths around
// the block sizes.
func TestSHACryptOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("needs openssl to compare with")
	}
	for kind, sum := range map[string]func() hash.Hash{"5": sha256.New, "6": sha512.New} {
		for _, n := range []int{1, 2, 15, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200} {
			password := strings.Repeat("pässwörd ", 30)[:n]
			salt := "s/.Z0123456789ab"[:1+n%16]
			cmd := exec.CommandContext(t.Context(), openssl, "passwd", "-"+kind, "-salt", "rounds=1234$"+salt, "-stdin")
			cmd.Stdin = strings.NewReader(password + "\n")
			out, err := cmd.Output()
			if err != nil {
				t.Skipf("openssl passwd -%s does not work here: %v", kind, err)
			}
			stored := strings.TrimSpace(string(out))
			want := "$" + kind + "$rounds=1234$" + salt + "$" + auth.SHACrypt(sum(), password, salt, 1234)
			if stored != want {
				t.Errorf("length %d: openssl says %s, got %s", n, stored, want)
			}
			if err := auth.VerifyPassword(stored, password); err != nil {
				t.Errorf("length %d: %v", n, err)
			}
		}
	}
}

// TestBcryptCrypt3 compares with crypt(3) through perl: openssl has no bcrypt.
func TestBcryptCrypt3(t *testing.T) {
	perl, err := exec.LookPath("perl")
	if err != nil {
		t.Skip("needs perl to call crypt(3)")
	}
	for _, prefix := range []string{"$2a$05$", "$2b$04$", "$2y$05$"} {
		setting := prefix + "abcdefghijklmnopqrstuu"
		out, err := exec.CommandContext(t.Context(), perl, "-e", "print crypt('correct horse', $ARGV[0])", setting).Output()
		if err != nil || !strings.HasPrefix(string(out), prefix) {
			t.Skipf("crypt(3) here has no bcrypt: %q, %v", out, err)
		}
		if err := auth.VerifyPassword(string(out), "correct horse"); err != nil {
			t.Errorf("%s: %v", out, err)
		}
	}
}

// TestForeignHashes verifies published hashes that other programs made.
func TestForeignHashes(t *testing.T) {
	for _, v := range []struct{ hash, password string }{
		{"$pbkdf2-sha512$310000$c8p78n7pUMln0jzvd4aK4Q$JNRBzwAo0ek5qKn50cFzzvE9RXV88h1wJn5KGiHrD0YKtZaR/nCb2CJPOsKaPK0hjf.9yHxzQGZziziccp6Yng",
			"insecure_secret"},
		// RFC 7914 section 11, the first 32 bytes.
		{"$pbkdf2-sha256$1$c2FsdA$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLw", "passwd"},
		// From the tests of the reference implementation of Argon2.
		{"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"},
	} {
		if err := auth.VerifyPassword(v.hash, v.password); err != nil {
			t.Errorf("%s: %v", v.hash, err)
		}
		if err := auth.VerifyPassword(v.hash, "x"+v.password); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: wrong password: %v", v.hash, err)
		}
	}
}

func TestHashPassword(t *testing.T) {
	hash, err := auth.HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash = %s", hash)
	}
	if err := auth.VerifyPassword(hash, "correct horse"); err != nil {
		t.Error(err)
	}
	if err := auth.VerifyPassword(hash, "correct hors"); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("wrong password: %v", err)
	}
	if auth.NeedsRehash(hash) {
		t.Error("a new hash needs a rehash")
	}
	again, _ := auth.HashPassword("correct horse")
	if again == hash {
		t.Error("two hashes of one password are equal: no salt")
	}
	for _, bad := range []string{"", "a\x00b", strings.Repeat("x", 1025)} {
		if _, err := auth.HashPassword(bad); !errors.Is(err, auth.ErrBadPassword) {
			t.Errorf("HashPassword of %d bytes: %v", len(bad), err)
		}
	}
}

func TestArgon2Params(t *testing.T) {
	h := &auth.Hasher{Params: auth.Argon2Params{Memory: 64, Time: 1}}
	hash, err := h.Hash(t.Context(), "p")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatalf("%s, %v", hash, err)
	}
	if h.NeedsRehash(hash) || !auth.NeedsRehash(hash) {
		t.Error("NeedsRehash must compare with the own price")
	}
	if _, err := (&auth.Hasher{Params: auth.Argon2Params{Memory: 1 << 30}}).Hash(t.Context(), "p"); err == nil {
		t.Error("a terabyte was granted")
	}
	for _, other := range []string{"$6$saltstring$" + strings.Repeat("x", 86), "$1$x$y", ""} {
		if !auth.NeedsRehash(other) {
			t.Errorf("%q needs no rehash", other)
		}
	}
}

// oneOfEach returns a hash of each kind for the password "p", cheap ones.
func oneOfEach(t testing.TB) map[string]string {
	t.Helper()
	a, err := (&auth.Hasher{Params: auth.Argon2Params{Memory: 64, Time: 1}}).Hash(context.Background(), "p")
	if err != nil {
		t.Fatal(err)
	}
	b, err := bcrypt.GenerateFromPassword([]byte("p"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"argon2id":      a,
		"bcrypt":        string(b),
		"sha256-crypt":  "$5$rounds=1000$abc$" + auth.SHACrypt(sha256.New(), "p", "abc", 1000),
		"sha512-crypt":  "$6$rounds=1000$abc$" + auth.SHACrypt(sha512.New(), "p", "abc", 1000),
		"pbkdf2-sha256": "$pbkdf2-sha256$1$AAECAwQFBgc$FcYa1iZrK.cMx429UbmHGVE1GH21G26Wu9tH4uD2/7I",
	}
}

func TestEmptyPassword(t *testing.T) {
	for kind, hash := range oneOfEach(t) {
		if err := auth.VerifyPassword(hash, "p"); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		for _, p := range []string{"", "\x00", "p\x00", strings.Repeat("p", 1025)} {
			if err := auth.VerifyPassword(hash, p); !errors.Is(err, auth.ErrDenied) {
				t.Errorf("%s: password of %d bytes: %v", kind, len(p), err)
			}
		}
	}
	// Not even against the hash of the empty password.
	empty := "$6$rounds=1000$abc$" + auth.SHACrypt(sha512.New(), "", "abc", 1000)
	if err := auth.VerifyPassword(empty, ""); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("hash of the empty password: %v", err)
	}
}

// TestBcrypt72 and the next: bcrypt ignores what follows 72 bytes, and repeats
// a key with its final NUL, so that "ab" and "ab\x00ab" are one.
func TestBcrypt72(t *testing.T) {
	long := strings.Repeat("x", 72)
	hash, err := bcrypt.GenerateFromPassword([]byte(long), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if err := auth.VerifyPassword(string(hash), long); err != nil {
		t.Errorf("72 bytes: %v", err)
	}
	if err := auth.VerifyPassword(string(hash), long+"anything"); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("more than 72 bytes: %v", err)
	}
}

func TestBcryptNULCycle(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("ab"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if err := auth.VerifyPassword(string(hash), "ab\x00ab"); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("repeated key: %v", err)
	}
}

// TestHostileHash: a hash must not name its own price without bounds, and must
// have one spelling.
func TestHostileHash(t *testing.T) {
	salt, key := "AAECAwQFBgcICQoLDA0ODw", strings.Repeat("A", 43)
	sha5, sha6 := strings.Repeat("x", 43), strings.Repeat("x", 86)
	for what, hash := range map[string]string{
		"empty":               "",
		"plain":               "password",
		"locked":              "!",
		"md5":                 "$1$abc$abcdefghijklmnopqrstuv",
		"argon2i":             "$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + key,
		"argon2 version":      "$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + key,
		"argon2 terabyte":     "$argon2id$v=19$m=1073741824,t=1,p=1$" + salt + "$" + key,
		"argon2 overflow":     "$argon2id$v=19$m=4294967360,t=1,p=1$" + salt + "$" + key,
		"argon2 forever":      "$argon2id$v=19$m=64,t=4294967295,p=1$" + salt + "$" + key,
		"argon2 work":         "$argon2id$v=19$m=262144,t=32,p=1$" + salt + "$" + key,
		"argon2 threads":      "$argon2id$v=19$m=65536,t=1,p=255$" + salt + "$" + key,
		"argon2 p wraps":      "$argon2id$v=19$m=64,t=1,p=257$" + salt + "$" + key,
		"argon2 zero":         "$argon2id$v=19$m=0,t=0,p=0$" + salt + "$" + key,
		"argon2 order":        "$argon2id$v=19$t=1,m=64,p=1$" + salt + "$" + key,
		"argon2 extra":        "$argon2id$v=19$m=64,t=1,p=1,keyid=x$" + salt + "$" + key,
		"argon2 plus":         "$argon2id$v=19$m=+64,t=1,p=1$" + salt + "$" + key,
		"argon2 zeros":        "$argon2id$v=19$m=064,t=1,p=1$" + salt + "$" + key,
		"argon2 short key":    "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$AAAA",
		"argon2 no key":       "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$",
		"argon2 padding":      "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "=",
		"argon2 line end":     "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "\n",
		"argon2 loose bits":   "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key[:42] + "B",
		"argon2 tail":         "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "$",
		"bcrypt days":         "$2b$31$" + strings.Repeat("a", 53),
		"bcrypt cost 0":       "$2b$00$" + strings.Repeat("a", 53),
		"bcrypt cost sign":    "$2b$+5$" + strings.Repeat("a", 53),
		"bcrypt short":        "$2b$05$" + strings.Repeat("a", 52),
		"bcrypt long":         "$2b$05$" + strings.Repeat("a", 54),
		"bcrypt alphabet":     "$2b$05$" + strings.Repeat("a", 52) + "+",
		"bcrypt 2x":           "$2x$05$" + strings.Repeat("a", 53),
		"sha rounds":          "$6$rounds=999999999$abc$" + sha6,
		"sha few rounds":      "$6$rounds=10$abc$" + sha6,
		"sha negative rounds": "$6$rounds=-1$abc$" + sha6,
		"sha wrapped rounds":  "$6$rounds=18446744073709552616$abc$" + sha6,
		"sha empty salt":      "$6$$" + sha6,
		"sha long salt":       "$6$12345678901234567$" + sha6,
		"sha short":           "$6$abc$" + sha5,
		"sha long":            "$5$abc$" + sha6,
		"sha no hash":         "$5$abc",
		"sha alphabet":        "$5$abc$" + sha5[:42] + "=",
		"pbkdf2 rounds":       "$pbkdf2-sha256$1000000000$AAECAwQFBgc$" + key,
		"pbkdf2 zero":         "$pbkdf2-sha256$0$AAECAwQFBgc$" + key,
		"pbkdf2 empty hash":   "$pbkdf2-sha256$1$AAECAwQFBgc$",
		"pbkdf2 plus":         "$pbkdf2-sha256$1$AAECAwQFBgc$+" + key[1:],
		"pbkdf2 sha1":         "$pbkdf2$1$AAECAwQFBgc$" + key,
		"huge":                "$6$abc$" + strings.Repeat("x", 1<<20),
	} {
		if err := auth.CheckHash(hash); !errors.Is(err, auth.ErrHashFormat) {
			t.Errorf("%s: CheckHash = %v", what, err)
		}
		err := auth.VerifyPassword(hash, "p")
		if !errors.Is(err, auth.ErrHashFormat) || errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: VerifyPassword = %v", what, err)
		}
		if len(hash) > 8 && err != nil && strings.Contains(err.Error(), hash[8:]) {
			t.Errorf("%s: the error shows the hash: %v", what, err)
		}
	}
}

// TestHashFlood: who waits for a slot can be called off, and no more than
// Concurrent run.
func TestHashFlood(t *testing.T) {
	h := &auth.Hasher{Concurrent: 1, Params: auth.Argon2Params{Memory: 64 << 10, Time: 2}}
	hash, err := h.Hash(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 20)
	for range cap(results) {
		go func() { results <- h.Verify(ctx, hash, "p") }()
	}
	first := <-results
	cancel()
	cancelled := 0
	for range cap(results) - 1 {
		if err := <-results; errors.Is(err, context.Canceled) {
			cancelled++
		} else if err != nil {
			t.Errorf("verify: %v", err)
		}
	}
	if first != nil || cancelled == 0 {
		t.Errorf("first: %v; %d were called off", first, cancelled)
	}
	if err := h.Verify(ctx, hash, "p"); !errors.Is(err, context.Canceled) {
		t.Errorf("verify with an ended context: %v", err)
	}
}

func FuzzPasswordHash(f *testing.F) {
	for _, v := range shaCryptVectors {
		f.Add(v.want, "p")
	}
	for _, hash := range oneOfEach(f) {
		f.Add(hash, "p")
		f.Add(hash[:len(hash)-1], "")
	}
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "x")
	f.Add("$6$rounds=999999999$$", "x")
	f.Fuzz(func(t *testing.T, hash, password string) {
		err := auth.CheckHash(hash)
		if err != nil {
			if !errors.Is(err, auth.ErrHashFormat) {
				t.Fatalf("CheckHash: %v", err)
			}
			if !auth.NeedsRehash(hash) {
				t.Fatal("a bad hash needs no rehash")
			}
			return
		}
		if dear(hash) {
			return // tried in TestHostileHash; too slow to fuzz
		}
		if err := auth.VerifyPassword(hash, password); err != nil && !errors.Is(err, auth.ErrDenied) {
			t.Fatalf("VerifyPassword: %v", err)
		}
		if password == "" && auth.VerifyPassword(hash, password) == nil {
			t.Fatal("an empty password verifies")
		}
	})
}

// dear tells whether a valid hash takes long by its looks.
func dear(hash string) bool {
	for _, cheap := range []string{"$argon2id$v=19$m=64,t=1,p=1$", "$2b$04$", "$2a$04$", "$5$rounds=1000$", "$6$rounds=1000$",
		"$pbkdf2-sha256$1$", "$pbkdf2-sha512$1$"} {
		if strings.HasPrefix(hash, cheap) {
			return false
		}
	}
	return true
}
