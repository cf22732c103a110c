package limit

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/quaymaster/quaymaster"
)

// Reason says which limit turned a client away.
type Reason string

// The reasons, after the fields of Gate and Startups.
const (
	ReasonDenied            Reason = "address is denied"
	ReasonNotAllowed        Reason = "address is not among the allowed"
	ReasonBanned            Reason = "address is banned"
	ReasonMaxConns          Reason = "too many connections"
	ReasonMaxPerSource      Reason = "too many connections from this address"
	ReasonMaxPerUser        Reason = "too many sessions of this user"
	ReasonStartups          Reason = "too many connections without a login"
	ReasonStartupsPerSource Reason = "too many connections without a login from this address"
)

// RefusedError is the error of Gate.Admit. It matches quaymaster.ErrRefused.
type RefusedError struct {
	Reason Reason
	Source netip.Prefix // the client's network; for ReasonDenied the rule's; zero: none
	User   string       // ReasonMaxPerUser only
	Ban    *Ban         // ReasonBanned only
}

func (e *RefusedError) Error() string {
	s := "limit: " + string(e.Reason)
	switch {
	case e.Ban != nil:
		s += fmt.Sprintf(": %v until %s: %s", e.Source, e.Ban.Until.UTC().Format(time.RFC3339), e.Ban.Reason)
	case e.User != "":
		s += fmt.Sprintf(": %q", e.User)
	case e.Source.IsValid():
		s += ": " + e.Source.String()
	}
	return s
}

func (e *RefusedError) Unwrap() error { return quaymaster.ErrRefused }
