package limit

import (
	"net/netip"
	"slices"
	"time"
)

// Ban is a source that is turned away for a while.
type Ban struct {
	Source netip.Prefix
	Until  time.Time
	Reason string // the last offence
}

// Bans returns the bans that are in force, in the order in which they end.
func (g *Gate) Bans() []Ban {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	var bans []Ban
	for _, t := range []*penaltyTable{&g.penalties4, &g.penalties6} {
		t.expire(now)
		for _, p := range t.byEnd {
			if p.active {
				bans = append(bans, p.Ban)
			}
		}
	}
	slices.SortFunc(bans, func(a, b Ban) int { return a.Until.Compare(b.Until) })
	return bans
}

// Lift ends the bans of all sources that overlap p, forgets the offences that
// have not led to one, and returns the number of bans that it ended.
func (g *Gate) Lift(p netip.Prefix) int {
	p, err := canonical(p)
	if err != nil {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.table(p)
	lifted := 0
	for source, pen := range t.bySource {
		if !source.Overlaps(p) {
			continue
		}
		if pen.active && pen.Until.After(time.Now()) {
			lifted++
		}
		t.drop(pen)
	}
	return lifted
}

// table returns the penalties of a source's family.
func (g *Gate) table(source netip.Prefix) *penaltyTable {
	if source.Addr().Is4() {
		return &g.penalties4
	}
	return &g.penalties6
}

// ban returns the ban of source, or nil.
func (g *Gate) ban(a netip.Addr, source netip.Prefix) *Ban {
	if !source.IsValid() || g.cfg.penalties.off() {
		return nil
	}
	if _, exempt := g.cfg.exempt.find(a); exempt {
		return nil
	}
	p := g.table(source).find(source, time.Now())
	if p == nil || !p.active {
		return nil
	}
	ban := p.Ban
	return &ban
}

// punish adds d to what source has to serve, and returns the ban if one begins
// by it.
func (g *Gate) punish(a netip.Addr, d time.Duration, reason string) *Ban {
	source := g.cfg.group.source(a)
	if d <= 0 || !source.IsValid() || g.cfg.penalties.off() {
		return nil
	}
	if _, exempt := g.cfg.exempt.find(a); exempt {
		return nil
	}
	p, began := g.table(source).add(source, d, reason, time.Now(), &g.cfg.penalties)
	if !began {
		return nil
	}
	ban := p.Ban
	return &ban
}
