package ftp_test

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"
)

// onDisk serves root/home; root/secret is outside, and so is root/home-evil.
func onDisk(t *testing.T) (p *prey, root string) {
	t.Helper()
	root = t.TempDir()
	for _, dir := range []string{"home/d", "home-evil"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, file := range []string{"secret", "home-evil/secret", "home/d/a"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, file), []byte("the content of "+file), 0o644))
	}
	fsys, err := osfs.Open(filepath.Join(root, "home"), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, fsys.Close()) })
	return newPrey(t, func(p *prey) { p.files = fsys }), root
}

// outside wants what is not below home to be as it was.
func outside(t *testing.T, root string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	assert.Len(t, entries, 3)
	for _, file := range []string{"secret", "home-evil/secret"} {
		data, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err)
		assert.Equal(t, "the content of "+file, string(data))
	}
	evil, err := os.ReadDir(filepath.Join(root, "home-evil"))
	require.NoError(t, err)
	assert.Len(t, evil, 1)
}

// Path traversal, CVE-2026-30914, CVE-2026-49244, CVE-2026-25890 and others.
func TestAttackTraversal(t *testing.T) {
	p, root := onDisk(t)
	c := p.login()
	for _, path := range []string{
		"../secret", "/../secret", "d/../../secret", "/d/../../secret", "//../secret", "////../../secret", "./../secret", "..//secret", "../home-evil/secret",
		"/../home-evil/secret", `..\secret`, `d\..\..\secret`, "..%2fsecret", "%2e%2e/secret", "..;/secret", "....//secret", ".../secret", "..\u2215secret",
		"\uff0e\uff0e/secret", filepath.Join(root, "secret"), "/" + root + "/secret", "~/../secret", "~root/secret", "d/a/../../../secret", "d/a/../../../home-evil/secret",
		"d/nothing/../../../secret", strings.Repeat("../", 500) + "secret", strings.Repeat("d/../", 500) + "../secret",
	} {
		for _, verb := range []string{"RETR", "SIZE", "MDTM", "MLST", "HASH", "XCRC", "DELE", "RNFR", "CWD", "RMD", "SITE CHMOD 777", "SITE RMDIR", "MFMT 20010203040506"} {
			c.passive()
			text := c.do(verb + " " + path)
			assert.Equal(t, "5", text[:1], "%s %s: %s", verb, path, text)
			assert.NotContains(t, text, root, "no host path")
			c.want(200, "NOOP")
		}
	}
	c.want(250, "CWD ../../..")
	assert.Contains(t, c.do("PWD"), `257 "/"`)
	c.want(250, "CDUP")
	assert.NotContains(t, c.load("LIST /.."), "secret")
	assert.NotContains(t, c.load("NLST ../*"), "secret")
	assert.NotContains(t, c.load("MLSD ../../"), "secret")
	c.want(257, "MKD ../new")
	assert.DirExists(t, filepath.Join(root, "home/new"))
	c.store(226, "../../up", "x")
	assert.FileExists(t, filepath.Join(root, "home/up"))
	c.want(350, "RNFR up")
	c.want(250, "RNTO ../../renamed")
	assert.FileExists(t, filepath.Join(root, "home/renamed"))
	outside(t, root)
}

// Symbolic links lead out of home for nobody: CVE-2026-54094, CVE-2017-7418.
func TestAttackSymlinkEscape(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need rights on Windows")
	}
	p, root := onDisk(t)
	for link, target := range map[string]string{
		"abs": root + "/secret", "rel": "../secret", "dir": "..", "evil": "../home-evil", "dangling": "../new", "deep": "d/../../secret", "etc": "/etc",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(root, "home", link)))
	}
	c := p.login()
	for _, path := range []string{"abs", "rel", "dir/secret", "evil/secret", "deep", "dangling", "etc/passwd", "dir/home-evil/secret", "evil/", "dir/", "rel/"} {
		for _, verb := range []string{"RETR", "SIZE", "MDTM", "HASH", "CWD", "MD5", "SITE CHMOD 777", "MFMT 20010203040506", "STOR", "APPE", "SITE COPY d/a", "MLSD"} {
			c.passive()
			text := c.do(verb + " " + path)
			assert.Equal(t, "5", text[:1], "%s %s: %s", verb, path, text)
			assert.NotContains(t, text, root)
		}
	}
	for _, command := range []string{"MKD dir/new", "MKD evil/new", "DELE evil/secret", "RMD dir/home-evil", "STOR dir/new", "STOR dangling", "SITE COPY rel copied",
		"SITE COPY evil/secret copied", "COMB d/a evil/secret", "SITE SYMLINK ../secret link", "SITE SYMLINK ../../secret d/link", "SITE MKDIR evil/new"} {
		c.passive()
		text := c.do(command)
		assert.Equal(t, "5", text[:1], "%s: %s", command, text)
	}
	c.want(350, "RNFR d/a")
	assert.Equal(t, "5", c.do("RNTO evil/a")[:1])
	// An absolute target counts from the user's root.
	c.want(200, "SITE SYMLINK /secret inside")
	c.want(550, "SIZE inside")
	outside(t, root)
}

// The names of unfinished uploads are out of reach.
func TestAttackReservedNames(t *testing.T) {
	p, root := onDisk(t)
	c := p.login()
	d := c.begin("STOR big")
	_, err := d.Write([]byte("half"))
	require.NoError(t, err)
	other := p.login()
	for _, name := range []string{vfs.ReservedPrefix + "x", "d/" + vfs.ReservedPrefix + "x", strings.ToUpper(vfs.ReservedPrefix) + "x", "/" + vfs.ReservedPrefix + "x/y"} {
		for _, verb := range []string{"RETR", "STOR", "APPE", "DELE", "RNFR", "MKD", "RMD", "SIZE", "MLST", "HASH", "CWD", "SITE CHMOD 777", "SITE COPY d/a", "SITE SYMLINK d/a", "COMB d/a"} {
			other.passive()
			text := other.do(verb + " " + name)
			assert.Equal(t, "5", text[:1], "%s %s: %s", verb, name, text)
		}
		other.want(350, "RNFR d/a")
		assert.Equal(t, "5", other.do("RNTO " + name)[:1])
	}
	for _, command := range []string{"LIST", "LIST -a", "NLST", "MLSD", "NLST *", "NLST .*", "NLST .q*"} {
		assert.NotContains(t, other.load(command), "quaymaster", command)
	}
	assert.NotContains(t, other.do("STAT -a /"), "quaymaster")
	require.NoError(t, d.Close())
	c.codes(226)
	outside(t, root)
}

// ProFTPD bugs 3312-3314: whoever opens a FIFO waits for the other end.
func TestAttackFIFO(t *testing.T) {
	p, root := onDisk(t)
	makeFIFO(t, filepath.Join(root, "home/fifo"))
	l, err := net.Listen("unix", filepath.Join(root, "home/socket"))
	if err != nil {
		t.Skip("the path is too long for a socket")
	}
	defer l.Close()
	c := p.login()
	for _, name := range []string{"fifo", "socket"} {
		for _, verb := range []string{"RETR", "STOR", "APPE", "HASH", "XCRC", "SITE COPY d/a", "COMB d/a", "SIZE", "MLSD", "CWD"} {
			c.passive()
			text := c.do(verb + " " + name)
			assert.Equal(t, "5", text[:1], "%s %s: %s", verb, name, text)
		}
	}
	assert.Contains(t, c.load("LIST"), "fifo")
}

// CVE-2011-0762 and WU-FTPD's globs: patterns cost what names cost.
func TestAttackPatterns(t *testing.T) {
	p := newPrey(t, nil)
	c := p.login()
	c.store(226, strings.Repeat("a", 250), "x")
	for range 3 {
		c.store(226, "b"+strings.Repeat("a", 200), "x")
	}
	for _, pattern := range []string{
		strings.Repeat("{a,b}", 100) + "*", strings.Repeat("*a", 120) + "b", strings.Repeat("*", 4000), strings.Repeat("a*", 1000) + "b", strings.Repeat("[a-z]*", 600),
		strings.Repeat("?*", 1000) + "x", strings.Repeat("[", 4000), "[" + strings.Repeat("a-", 1500), strings.Repeat(`\*`, 1000) + "*", "*/*/*/*/*", "../*/../*/../*", "**/**/**",
	} {
		for _, verb := range []string{"NLST", "LIST", "STAT"} {
			start := time.Now()
			if verb == "STAT" {
				c.do(verb + " " + pattern)
			} else {
				at := c.passive()
				if c.do(verb + " " + pattern)[:3] == "150" {
					nc, err := net.Dial("tcp", at)
					require.NoError(t, err)
					nc.Close()
					c.code()
				}
			}
			limit := 50 * time.Millisecond
			if raceEnabled {
				limit *= 10
			}
			assert.Less(t, time.Since(start), limit, "%s %.30s", verb, pattern)
		}
	}
}

// ProFTPD #2286: numbers that are none, or too many.
func TestAttackOffsets(t *testing.T) {
	p := newPrey(t, nil)
	p.write("a", "0123456789")
	c := p.login()
	for _, arg := range []string{"-1", "+1", "0x10", "1e3", "9223372036854775808", "18446744073709551616", "99999999999999999999999", "1 2", "NaN", "٣", "1_0", "1.5"} {
		assert.Equal(t, "501", c.do("REST " + arg)[:3], arg)
		assert.Equal(t, "501", c.do("ALLO " + arg)[:3], arg)
		c.want(200, "NOOP")
	}
	for _, arg := range []string{"-1 5", "5 -1", "5 4", "0 9223372036854775807", "0 9223372036854775808", "5", "1 2 3", " ", "-5 -1"} {
		assert.Equal(t, "501", c.do("RANG " + arg)[:3], arg)
		c.want(200, "NOOP")
	}
	for _, command := range []string{"XCRC a -1 5", "XMD5 a 5 4", `XSHA256 "a" 0 -1`, `XCRC "a" 99999999999999999999`} {
		assert.Equal(t, "5", c.do(command)[:1], command)
	}
	for _, far := range []string{"REST 9223372036854775807", "REST 11", "RANG 11 12", "RANG 9223372036854775805 9223372036854775806"} {
		c.passive()
		c.want(350, far)
		c.want(554, "RETR a")
		c.passive()
		c.want(350, far)
		c.want(554, "STOR a")
	}
	c.want(350, "RANG 8 9223372036854775806")
	assert.Equal(t, "89", c.load("RETR a"))
	c.want(350, "REST 10")
	assert.Empty(t, c.load("RETR a"))
	assert.Equal(t, "0123456789", c.load("RETR a"), "REST is for one transfer")
	c.want(350, "REST 5")
	c.want(257, "PWD")
	assert.Equal(t, "0123456789", c.load("RETR a"), "and what comes between takes it back")
	assert.Equal(t, "0123456789", p.read("a"))
}
