package app

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// ReferenceRoster is the bakery's: twelve services in wave 1, the tenant service alone in wave 2.
func ReferenceRoster() []saga.RosterEntry {
	var roster []saga.RosterEntry
	for _, d := range bakery.All() {
		roster = append(roster, saga.RosterEntry{Participant: d.Name, Wave: d.Wave})
	}
	return roster
}

// parseRoster reads name:wave pairs, separated by commas.
func parseRoster(list string) ([]saga.RosterEntry, error) {
	var roster []saga.RosterEntry
	for _, text := range strings.Split(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		name, waveText, _ := strings.Cut(text, ":")
		participant, err := events.ParseParticipant(name)
		if err != nil {
			return nil, fmt.Errorf("roster entry %d: %w", len(roster)+1, err)
		}
		wave, err := strconv.Atoi(waveText)
		if err != nil || wave < 1 {
			return nil, fmt.Errorf("roster entry %d: want name:wave with a wave of 1 or more", len(roster)+1)
		}
		roster = append(roster, saga.RosterEntry{Participant: participant, Wave: wave})
	}
	return roster, nil
}
