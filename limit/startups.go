package limit

import (
	"cmp"
	"math/rand/v2"
)

// Startups sheds connections on which nobody has logged in yet, as MaxStartups
// and PerSourceMaxStartups of OpenSSH do. HTTP does not count: its clients are
// entitled to a connection without a login.
type Startups struct {
	// From Start such connections on, Rate percent of new ones are refused, more
	// as they become more, and all of them from Full on. Zero means 10, 30 and
	// 100. A negative Full means no limit.
	Start, Rate, Full int
	// PerSource is the number that one source may have. Zero means one less
	// than Start, so that no source alone makes others be refused; negative
	// means no limit.
	PerSource int
}

func (s Startups) orDefault() Startups {
	s.Full = cmp.Or(s.Full, max(100, s.Start))
	if s.Start == 0 {
		s.Start = 10
		if s.Full > 0 {
			s.Start = min(s.Start, s.Full)
		}
	}
	s.Rate = cmp.Or(s.Rate, 30)
	s.PerSource = cmp.Or(s.PerSource, max(s.Start-1, 1))
	return s
}

// drops decides about one more connection when there are n already.
func (s Startups) drops(n int) bool {
	switch {
	case s.Full < 0:
		return false
	case n >= s.Full:
		return true
	case n < s.Start:
		return false
	}
	p := s.Rate + (100-s.Rate)*(n-s.Start)/(s.Full-s.Start)
	return rand.IntN(100) < p
}
