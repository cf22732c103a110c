//go:build !linux

package osfs

func openBeneath(*dir, string) *dir { return nil }

func statBeneath(*dir, string, bool) (*info, error) { return nil, nil }
