package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/user"
	"path/filepath"
	"strings"
)

// rig is where a run happens: a temporary directory with the served files, the
// files of the clients, and the keys.
type rig struct {
	dir   string // of all
	root  string // is served
	local string // is the clients'
	tmpfs bool   // all that is in memory

	user     string
	key      string // for SSH, the clients' private key; key.pub is authorized
	hostKey  string // for SSH, of all servers
	cert     string // for FTP, of all servers: a file with private key and certificate
	profiles string // directory for profiles; "" for none
	unpacked string // directory of programs that are not installed; "" for none
	sizes    sizes
}

// newRig makes the directory in memory where there is a place for that.
func newRig(z sizes) (*rig, error) {
	parent := ""
	if fi, err := os.Stat("/dev/shm"); err == nil && fi.IsDir() {
		parent = "/dev/shm"
	}
	dir, err := os.MkdirTemp(parent, "bench-")
	if err != nil {
		return nil, err
	}
	r := &rig{
		dir: dir, root: filepath.Join(dir, "root"), local: filepath.Join(dir, "local"),
		sizes: z,
	}
	mounts, _ := os.ReadFile("/proc/self/mounts") // without it, tmpfs is not claimed
	r.tmpfs = fileSystem(string(mounts), dir) == "tmpfs"
	if err := r.fill(); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *rig) fill() error {
	u, err := user.Current()
	if err != nil {
		return err
	}
	r.user = u.Username
	for _, dir := range []string{r.root, r.local} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (r *rig) close() error { return os.RemoveAll(r.dir) }

// random makes a served file of random bytes and links it into the clients'
// directory; what is there stays. It returns its name in both.
func (r *rig) random(size int64) (string, error) {
	name := fmt.Sprintf("random-%d", size)
	served := filepath.Join(r.root, name)
	if _, err := os.Stat(served); err == nil {
		return name, nil
	}
	f, err := os.Create(served)
	if err != nil {
		return "", err
	}
	var seed [32]byte // the same bytes in every run
	_, err = io.CopyN(f, rand.NewChaCha8(seed), size)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return name, os.Link(served, filepath.Join(r.local, name))
}

// mkdir makes a served directory in which every server may write, whoever it
// runs as; one that is there stays.
func (r *rig) mkdir(name string) error {
	dir := filepath.Join(r.root, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o777)
}

// manyFiles makes the large directory, of empty files; what is there stays.
func (r *rig) manyFiles(n int) error {
	dir := filepath.Join(r.root, "many")
	if err := os.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file-%07d", i)), nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// verify compares a file that was transferred with its source, and removes it.
func verify(got, want string, check checking) error {
	a, err := os.Stat(got)
	if err != nil {
		return err
	}
	b, err := os.Stat(want)
	if err != nil {
		return err
	}
	if a.Size() != b.Size() {
		return fmt.Errorf("%s has %d bytes, want %d", got, a.Size(), b.Size())
	}
	if check == checkFull {
		x, err := digest(got)
		if err != nil {
			return err
		}
		y, err := digest(want)
		if err != nil {
			return err
		}
		if x != y {
			return fmt.Errorf("%s differs from %s", got, want)
		}
	}
	return os.Remove(got)
}

func digest(file string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// fileSystem returns the type of the file system of dir by the text of
// /proc/self/mounts; "" if it is not known.
func fileSystem(mounts, dir string) string {
	var best, kind string
	for line := range strings.Lines(mounts) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		point := strings.TrimSuffix(f[1], "/")
		if (dir == point || strings.HasPrefix(dir, point+"/")) && len(point) >= len(best) {
			best, kind = point, f[2]
		}
	}
	return kind
}
