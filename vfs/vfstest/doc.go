// Package vfstest is the specification of vfs.FS in the form of tests.
//
// TestFS is the conformance suite. It takes a function that makes an empty,
// writable file system, and runs one named subtest for each behaviour:
//
//	func TestConformance(t *testing.T) {
//		vfstest.TestFS(t, func(t *testing.T) vfs.FS { return mine.New(t.TempDir()) })
//	}
//
// What vfs.FeaturesOf claims must work; what it does not claim must answer
// errors.ErrUnsupported. A file system that can't be written, as
// vfs.Features.Write says, must come with something in it, and is tested for
// reading and for refusing to write. Everything runs again through the
// wrappers of package vfs, which shows that they forward all of it. A test that
// can't pass is named in a Skip with the reason.
//
// Fuzz compares a file system with memfs, operation by operation. Faulty and
// EveryFault make each single operation of a scenario fail in turn. BenchFS
// measures.
package vfstest
