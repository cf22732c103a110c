package sftp

// extension is a request that is named instead of numbered.
type extension struct {
	wire string // its name on the wire
	data string // its version, as VERSION announces it; clients compare it
	verb verb
}

// extensions returns all of them, in the order of the VERSION packet: those of
// OpenSSH's PROTOCOL file, then those of drafts.
func extensions() []extension {
	tree := claims{tree: alone}
	look := claims{tree: shared, path: shared}
	read := claims{handle: shared}
	check := verb{"check-file", read, decodeCheckHandle, (*server).checkHandle}
	return []extension{
		{"posix-rename@openssh.com", "1", verb{"posix-rename", tree, decodeTwoPaths, (*server).posixRename}},
		{"statvfs@openssh.com", "2", verb{"statvfs", look, decodePath, (*server).statvfs}},
		{"fstatvfs@openssh.com", "2", verb{"fstatvfs", read, decodeHandle, (*server).fstatvfs}},
		{"hardlink@openssh.com", "1", verb{"hardlink", tree, decodeTwoPaths, (*server).hardlink}},
		{"fsync@openssh.com", "1", verb{"fsync", claims{handle: alone}, decodeHandle, (*server).fsync}},
		{"lsetstat@openssh.com", "1", verb{"lsetstat", claims{tree: shared, path: alone}, decodePathAttrs, (*server).lsetstat}},
		{"limits@openssh.com", "1", verb{"limits", claims{}, nil, (*server).limits}},
		{"expand-path@openssh.com", "1", verb{"expand-path", claims{}, decodeExpandPath, (*server).realpath}},
		{"copy-data", "1", verb{"copy-data", claims{handle: alone, also: shared}, decodeCopyData, (*server).copyData}},
		{"home-directory", "1", verb{"home-directory", claims{}, decodeUser, (*server).homeDirectory}},
		{"users-groups-by-id@openssh.com", "1", verb{"users-groups-by-id", claims{}, decodeIDs, (*server).usersGroups}},
		{"space-available", "1", verb{"space-available", look, decodePath, (*server).spaceAvailable}},
		{"check-file", "1", check},
		{"check-file-handle", "1", check},
		{"check-file-name", "1", verb{"check-file", look, decodeCheckName, (*server).checkName}},
	}
}

func extensionOf(wire string) (extension, bool) {
	for _, e := range extensions() {
		if e.wire == wire {
			return e, true
		}
	}
	return extension{}, false
}

// limits tells clients how large requests may be, OpenSSH PROTOCOL section
// 4.8. OpenSSH and WinSCP send small ones where it is missing.
func (s *server) limits(r *request) []byte {
	b := beginPacket(r.out, fxpExtendedReply, r.id)
	for _, v := range []uint64{maxPacket, maxData, maxData, uint64(s.handler.maxHandles())} {
		b = appendUint64(b, v)
	}
	return endPacket(b)
}
