//go:build race

package ftp_test

// raceEnabled tells whether the race detector slows everything down.
const raceEnabled = true
