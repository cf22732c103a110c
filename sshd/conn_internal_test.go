package sshd

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		assert.Equal(t, broken, within(time.Second, func() error { return broken }))
		assert.NoError(t, within(time.Second, func() error { return nil }))
		free := make(chan struct{})
		start := time.Now()
		assert.Equal(t, errStuck, within(time.Second, func() error { <-free; return nil }))
		assert.Equal(t, time.Second, time.Since(start))
		close(free)
	})
}
