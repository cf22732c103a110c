package vfs

// Features tells what works on an FS. A type assertion can't: a wrapper has
// every method and may still not do it. What is false answers
// errors.ErrUnsupported, or is a behaviour that callers must not count on.
type Features struct {
	Write        bool // files can be created and changed at all
	RandomWrite  bool // WriteAt at any offset, in any order
	Symlink      bool // SymlinkFS
	Link         bool // LinkFS
	SetSize      bool // SetAttr and Truncater with AttrSize
	SetMode      bool // SetAttr with AttrMode
	SetOwner     bool // SetAttr with AttrOwner, if the process may
	SetTimes     bool // SetAttr with AttrAtime and AttrMtime
	AtomicClose  bool // AtomicFS: published whole on Close
	StagedUpdate bool // OpenFile for writing without O_TRUNC stages a cheap copy; else it changes the file in place
	Partial      bool // PartialFS
	NoReplace    bool // RenameNoReplace can't lose a race
	Sync         bool // Syncer on files
	CopyRange    bool // RangeCopier between files of this FS
	Space        bool // SpaceFS
	Lease        bool // LeaseFS
	OSFile       bool // OSFiler on files
	CaseFold     bool // "A" and "a" are one name
}

// FeaturesOf returns the features that fsys states, and for an FS that states
// none those that its methods suggest.
func FeaturesOf(fsys FS) Features {
	if f, ok := fsys.(FeaturesFS); ok {
		return f.Features()
	}
	_, symlink := fsys.(SymlinkFS)
	_, link := fsys.(LinkFS)
	_, attr := fsys.(SetAttrFS)
	_, atomic := fsys.(AtomicFS)
	_, partial := fsys.(PartialFS)
	_, space := fsys.(SpaceFS)
	_, lease := fsys.(LeaseFS)
	return Features{
		Write: true, RandomWrite: true, Symlink: symlink, Link: link,
		SetSize: attr, SetMode: attr, SetOwner: attr, SetTimes: attr,
		AtomicClose: atomic, Partial: partial, Space: space, Lease: lease,
	}
}

// And returns the features that both have. CaseFold is true if either has it,
// because it is a warning and not an ability.
func (f Features) And(g Features) Features {
	return Features{
		Write:        f.Write && g.Write,
		RandomWrite:  f.RandomWrite && g.RandomWrite,
		Symlink:      f.Symlink && g.Symlink,
		Link:         f.Link && g.Link,
		SetSize:      f.SetSize && g.SetSize,
		SetMode:      f.SetMode && g.SetMode,
		SetOwner:     f.SetOwner && g.SetOwner,
		SetTimes:     f.SetTimes && g.SetTimes,
		AtomicClose:  f.AtomicClose && g.AtomicClose,
		StagedUpdate: f.StagedUpdate && g.StagedUpdate,
		Partial:      f.Partial && g.Partial,
		NoReplace:    f.NoReplace && g.NoReplace,
		Sync:         f.Sync && g.Sync,
		CopyRange:    f.CopyRange && g.CopyRange,
		Space:        f.Space && g.Space,
		Lease:        f.Lease && g.Lease,
		OSFile:       f.OSFile && g.OSFile,
		CaseFold:     f.CaseFold || g.CaseFold,
	}
}

// ReadOnly returns the features that remain when nothing may be written.
func (f Features) ReadOnly() Features {
	return Features{Symlink: f.Symlink, Space: f.Space, OSFile: f.OSFile, CaseFold: f.CaseFold}
}
