package interop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/internal/peer"
)

func TestNcFTP(t *testing.T) {
	put, get, ls := peer.Need(t, "ncftpput", "ncftp"), peer.Need(t, "ncftpget", "ncftp"), peer.Need(t, "ncftpls", "ncftp")
	f := serveFTP(t, tlsModes["optional"])
	for i := range 8 {
		f.random(fmt.Sprintf("tree/%d/file %d", i%3, i), i*70_000)
	}
	whole := f.random("whole", 2<<20+5)
	login := []string{"-u", "u", "-p", "p", "-P", f.port}
	run := func(program string, args ...string) string {
		t.Helper()
		return f.ok(program, append(login[:len(login):len(login)], args...)...)
	}
	for _, way := range []string{"-F", "-E"} { // passive, active
		dir := "d" + way
		run(put, way, "-m", f.host, dir, "whole")
		f.stored(dir+"/whole", whole)
		run(put, way, "-R", "-m", f.host, dir, "tree")
		f.diff(filepath.Join(f.here, "tree"), filepath.Join(f.root, dir, "tree"))
		require.NoError(t, os.Mkdir(filepath.Join(f.here, "back"+way), 0o755))
		run(get, way, "-R", f.host, "back"+way, "/"+dir+"/tree")
		f.diff(filepath.Join(f.here, "tree"), filepath.Join(f.here, "back"+way, "tree"))
		assert.Contains(t, run(ls, way, "-l", fmt.Sprintf("ftp://%s/%s/", f.host, dir)), "whole")
		assert.Equal(t, "tree\nwhole\n", run(ls, way, "-1", fmt.Sprintf("ftp://%s/%s/", f.host, dir)))
	}
	run(put, "-A", f.host, "d-F", "whole")
	f.stored("d-F/whole", append(whole[:len(whole):len(whole)], whole...))
	f.write(filepath.Join(f.root, "part"), string(whole))
	f.write(filepath.Join(f.here, "part"), string(whole[:1<<20]))
	run(get, "-z", f.host, ".", "/part")
	f.fetched("part", whole)
	run(put, "-T", "tmp.", f.host, "/", "whole") // under another name until it is whole
	f.stored("whole", whole)
	f.refused = f.provoked("mkdir ", "download ")
}

// provoked returns the failures with these prefixes: of clients that try first
// and look then.
func (f *ftpRig) provoked(prefixes ...string) (found []string) {
	for _, prefix := range prefixes {
		for _, what := range f.seen.failures() {
			if strings.HasPrefix(what, prefix) {
				found = append(found, what)
			}
		}
	}
	return found
}

// The programs called ftp, which are told what to do line by line.
func TestFTPPrograms(t *testing.T) {
	for program, debian := range map[string]string{"tnftp": "tnftp", "inetutils-ftp": "inetutils-ftp"} {
		for _, way := range []string{"passive", "active"} {
			t.Run(program+", "+way, func(t *testing.T) {
				path := peer.Need(t, program, debian)
				f := serveFTP(t, tlsModes["optional"])
				whole := f.random("whole", 2<<20+5)
				f.write(filepath.Join(f.here, "text"), "one\ntwo\n")
				f.write(filepath.Join(f.root, "part"), string(whole))
				f.write(filepath.Join(f.here, "part"), string(whole[:1<<20]))
				args := []string{"-n", "-v", "-i"}
				switch {
				case program == "tnftp" && way == "active":
					args = append(args, "-A")
				case way == "passive":
					args = append(args, "-p")
				}
				cmd := f.command(path, append(args, f.host, f.port)...)
				cmd.Stdin = strings.NewReader(strings.Join([]string{
					"user u p", "binary", "put whole", "get whole back", "mkdir d", "cd d", "put whole again", "rename again renamed", "ls", "dir", "pwd", "cdup",
					"reget part", "append whole d/renamed", "size whole", "modtime whole", "system", "status", "chmod 600 whole", "nlist d", "ascii", "put text", "get text text2",
					"binary", "sunique", "put text", "sunique", "mput text whole", "cd d", "mget *", "cdup", "delete text", "mkdir gone", "rmdir gone", "quote NOOP", "remotehelp", "rhelp SITE", "bye", "",
				}, "\n"))
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", out)
				f.stored("whole", whole)
				f.fetched("back", whole)
				f.stored("d/renamed", append(whole[:len(whole):len(whole)], whole...))
				f.fetched("part", whole)
				f.fetched("text2", []byte("one\ntwo\n"))
				f.gone("text")
				f.gone("gone")
				assert.Contains(t, string(out), "215 UNIX Type: L8")
				f.refused = f.provoked("download ", "upload ")
				assert.Empty(t, f.refused, "%s", out)
			})
		}
	}
}

func TestWget(t *testing.T) {
	wget := peer.Need(t, "wget", "wget")
	f := serveFTP(t, tlsModes["optional"])
	for i := range 12 {
		f.random(fmt.Sprintf("tree/%d/file %d", i%3, i), i*70_000)
	}
	whole := f.random("tree/whole", 2<<20+5)
	require.NoError(t, os.CopyFS(filepath.Join(f.root, "tree"), os.DirFS(filepath.Join(f.here, "tree"))))
	require.NoError(t, os.Symlink("whole", filepath.Join(f.root, "tree/link")))
	for _, way := range []string{"--passive-ftp", "--no-passive-ftp"} {
		f.ok(wget, "-q", way, "-r", "-l", "5", "--user=u", "--password=p", "-nH", "-P", "by"+way, "ftp://"+f.addr()+"/tree/")
		got := filepath.Join(f.here, "by"+way, "tree")
		require.NoError(t, os.Remove(filepath.Join(got, "link")))
		f.diff(filepath.Join(f.here, "tree"), got)
	}
	f.write(filepath.Join(f.here, "part"), string(whole[:1<<20]))
	f.ok(wget, "-q", "-c", "--user=u", "--password=p", "-O", "part", "ftp://"+f.addr()+"/tree/whole")
	f.fetched("part", whole)
	f.ok(wget, "-q", "-N", "--user=u", "--password=p", "-nd", "ftp://"+f.addr()+"/tree/0/file*")
	f.bad(wget, "-q", "--tries=1", "--user=u", "--password=p", "ftp://"+f.addr()+"/nothing")
	f.refused = f.provoked("download /nothing")
}

// A client that is killed in the middle of an upload has not sent a file, with
// TLS and without.
func TestFTPClientKilled(t *testing.T) {
	peer.Need(t, "curl", "curl")
	for mode, change := range tlsModes {
		t.Run(mode, func(t *testing.T) { kill(t, mode, change) })
	}
}

func kill(t *testing.T, mode string, change func(*ftp.Server)) {
	f := serveFTP(t, func(s *ftp.Server) {
		if s.Partial = quaymaster.PartialDiscard; change != nil {
			change(s)
		}
	})
	for i := range 10 {
		program, all := f.curl(mode, "-T", "-", "FTP/killed")
		cmd := f.command(program, all...)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		for began := time.Now(); time.Since(began) < 200*time.Millisecond; { // one in no time is published
			_, err = in.Write(make([]byte, 1000))
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool {
			staged, err := filepath.Glob(filepath.Join(f.root, ".quaymaster~*"))
			return err == nil && len(staged) > 1 // and the journal
		}, 10*time.Second, time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		in.Close()
		require.Eventually(t, func() bool { return len(f.seen.all(quaymaster.KindUpload)) == i+1 }, 10*time.Second, time.Millisecond)
		if mode != "optional" {
			f.gone("killed")
		}
		require.NoError(t, os.RemoveAll(filepath.Join(f.root, "killed")))
	}
	allowed := 0
	if mode == "optional" { // plain: a busy machine may take longer to end a process than the server waits
		allowed = 3
	}
	count, _ := f.seen.uploads()
	assert.LessOrEqual(t, count, allowed)
	f.refused = f.provoked("upload ")
}
