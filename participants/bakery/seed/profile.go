package seed

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// Profile is how much data a tenant has.
type Profile string

// The profiles.
const (
	ProfileTiny Profile = "tiny" // a thousandth of high, at least one row in every table; for tests
	ProfileLow  Profile = "low"  // the lower end of what the platform documents: 108,800 rows and the tenant's own
	ProfileHigh Profile = "high" // the upper end: 494,500 rows and the tenant's own
)

// tinyPart is what part of high a tiny tenant has.
const tinyPart = 1000

// ParseProfile reads a profile's name.
func ParseProfile(s string) (Profile, error) {
	p := Profile(s)
	if !slices.Contains([]Profile{ProfileTiny, ProfileLow, ProfileHigh}, p) {
		return "", fmt.Errorf("%w: must be tiny, low or high", events.ErrInvalid)
	}
	return p, nil
}

// Rows is what each tenant gets of a service's tables under a profile; nil for a service that is not one of the thirteen.
func Rows(service events.Participant, profile Profile) participants.Counts {
	v, known := volumes[service]
	if !known {
		return nil
	}
	return v.rows(profile)
}

// volume is one service's rows per tenant: high is the sum of the tables.
type volume struct {
	low    int
	tables []share
	// shared rows belong to no tenant and are made once.
	shared []share
}

// share is a table's rows.
type share struct {
	table string
	rows  int
}

func (v volume) high() (n int) {
	for _, s := range v.tables {
		n += s.rows
	}
	return n
}

func (v volume) rows(profile Profile) participants.Counts {
	total := v.high()
	switch profile {
	case ProfileTiny:
		total = max((total+tinyPart-1)/tinyPart, len(v.tables))
	case ProfileLow:
		total = v.low
	case ProfileHigh:
	}
	return v.divide(total)
}

// divide gives every table one row and the rest in proportion to high, exactly: what rounding down leaves goes to the
// tables that lost most, the first of equals.
func (v volume) divide(total int) participants.Counts {
	rest, weights := total-len(v.tables), v.high()-len(v.tables)
	counts := make(participants.Counts, len(v.tables))
	given := 0
	for _, s := range v.tables {
		n := (s.rows - 1) * rest / weights
		counts[s.table] = int64(1 + n)
		given += n
	}
	byLoss := slices.Clone(v.tables)
	slices.SortStableFunc(byLoss, func(a, b share) int {
		return cmp.Compare((b.rows-1)*rest%weights, (a.rows-1)*rest%weights)
	})
	for _, s := range byLoss[:rest-given] {
		counts[s.table]++
	}
	return counts
}
