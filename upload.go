package quaymaster

// Verdict says how an upload ended. Only a complete upload is published.
type Verdict string

const (
	Complete Verdict = "complete" // the client proved that it sent everything
	Aborted  Verdict = "aborted"  // the client, the connection or the disk gave up
	Unknown  Verdict = "unknown"  // the protocol can't tell a finished upload from a broken one
)

// PartialPolicy says what a server does with an aborted upload to a path that
// holds no published file.
type PartialPolicy uint8

const (
	// PartialKeep stages it for its owner, who alone sees it there and can
	// resume it, for as long as the file system keeps it. The zero value.
	PartialKeep PartialPolicy = iota
	// PartialDiscard drops it.
	PartialDiscard
	// PartialInPlace writes uploads straight to their path: what arrived stays
	// visible to everyone, and an aborted overwrite leaves a damaged file.
	PartialInPlace
)
