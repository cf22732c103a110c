package main

import "slices"

func sshSuite() *suite {
	return &suite{
		name:  "ssh",
		peers: []*peer{newOurs(), newOpenSSH()},
		cases: func(z sizes) []*benchCase {
			return slices.Concat(bulkCases(z), scpCases(z), []*benchCase{
				parallelGets(z), smallFiles(z), listing(z), logins(), idleSessions(z), statLatency(z),
			})
		},
	}
}
