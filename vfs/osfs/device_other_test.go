//go:build unix && !linux

package osfs

func makeDevice(string) bool { return false }
