package main

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMedian(t *testing.T) {
	in := []float64{5, 1, 3}
	assert.Equal(t, 3.0, median(in))
	assert.Equal(t, []float64{5, 1, 3}, in, "the order is kept")
	assert.Equal(t, 2.5, median([]float64{4, 1, 3, 2}))
	assert.Equal(t, 7.0, median([]float64{7}))
}

func TestPercentile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, tt := range []struct{ p, want float64 }{{0, 1}, {0.01, 1}, {0.5, 50}, {0.99, 99}, {0.995, 100}, {1, 100}} {
		assert.Equal(t, tt.want, percentile(hundred, tt.p), tt.p)
	}
	assert.Equal(t, 3.0, percentile([]float64{3}, 0.99))
}

func TestRatios(t *testing.T) {
	assert.Equal(t, []float64{0.5, 2}, ratios([]float64{1, 4, 9}, []float64{2, 2}))
	assert.Equal(t, []float64{3}, ratios([]float64{1, 3}, []float64{0, 1}), "nothing is divided by zero")
	assert.Empty(t, ratios(nil, []float64{1}))
}

func TestOrderTurns(t *testing.T) {
	assert.Equal(t, []int{0, 1}, order(2, 0))
	assert.Equal(t, []int{1, 0}, order(2, 1))
	assert.Equal(t, []int{0, 1}, order(2, 2))
	assert.Equal(t, []int{2, 1, 0}, order(3, 1))
}

func TestInParallel(t *testing.T) {
	var sum, calls atomic.Int64
	assert.NoError(t, inParallel(3, 100, func(_, i int) error {
		sum.Add(int64(i))
		return nil
	}))
	assert.EqualValues(t, 99*100/2, sum.Load(), "each number once")

	bad := errors.New("bad")
	assert.ErrorIs(t, inParallel(2, 1000, func(_, i int) error {
		calls.Add(1)
		return bad
	}), bad)
	assert.LessOrEqual(t, calls.Load(), int64(2), "a worker stops after its error")
}
