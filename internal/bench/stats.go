package main

import "slices"

// median of v, which must not be empty; the mean of the middle two when their
// number is even.
func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	mid := len(s) / 2
	if len(s)%2 == 0 {
		return (s[mid-1] + s[mid]) / 2
	}
	return s[mid]
}

// percentile returns the smallest element of v that is no less than share p of
// all (nearest rank); v must not be empty.
func percentile(v []float64, p float64) float64 {
	s := slices.Sorted(slices.Values(v))
	rank := int(p * float64(len(s)))
	if float64(rank) < p*float64(len(s)) {
		rank++
	}
	return s[min(max(rank, 1), len(s))-1]
}

// ratios divides a by b, element by element, as far as both go. A zero in b
// gives no ratio.
func ratios(a, b []float64) []float64 {
	var out []float64
	for i := range min(len(a), len(b)) {
		if b[i] != 0 {
			out = append(out, a[i]/b[i])
		}
	}
	return out
}

// order returns which of n peers comes first, second ... in a round: the same
// order and its reverse in turn, so that a drift of the machine hits all alike.
func order(n, round int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	if round%2 == 1 {
		slices.Reverse(out)
	}
	return out
}
