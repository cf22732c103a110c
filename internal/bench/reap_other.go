//go:build !linux

package main

import "errors"

func reap([]string) error { return errors.ErrUnsupported }
