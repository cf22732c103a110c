// Package aferofs joins package vfs and github.com/spf13/afero, both ways.
//
// New serves any afero.Fs as a vfs.FS, and Afero gives any vfs.FS to code that
// wants an afero.Fs. For io/fs there are vfs.FromIOFS and vfs.IOFS.
//
//	fsys := aferofs.New(afero.NewBasePathFs(afero.NewOsFs(), "/srv/data"))
//
// # What New makes good
//
// The name "a/b" is the path "/a/b" of the afero.Fs, and "." is "/". afero
// promises less than package vfs, and its file systems differ, so New checks
// before it acts: parents must exist, O_EXCL and RenameNoReplace do not
// replace, only empty directories are removed. One lock makes each check and
// its act one step for all users of the same adapter, but not for those who
// change the afero.Fs in other ways: the feature NoReplace is not claimed.
// Files of afero.MemMapFs are used by one caller at a time. A write that would
// leave a hole of more than 64 MiB in a file that is not one of the operating
// system answers vfs.ErrNoSpace, because it may be held in memory.
//
// Owners can't be set. Symbolic links can be made and read where the afero.Fs
// is an afero.Symlinker, other than a BasePathFs, which makes absolute links of
// the host. Use vfs.Atomic to get CreateAtomic.
//
// # Security considerations
//
// Confinement is that of the afero.Fs. A BasePathFs joins paths: it follows
// every symbolic link that lies below its base to wherever on the host that
// leads. Serve untrusted users with osfs, which does not.
package aferofs
