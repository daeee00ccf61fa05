package pgstore

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

type rosterRow struct {
	Participant string `bun:"participant" json:"participant"`
	Wave        int    `bun:"wave" json:"wave"`
}

// SetRoster implements saga.Rosters. Jobs that have begun keep the roster they were made with.
func (s *Store) SetRoster(ctx context.Context, roster []saga.RosterEntry) error {
	if err := saga.CheckRoster(roster); err != nil {
		return fmt.Errorf("pgstore: set roster: %w", err)
	}
	rows := make([]rosterRow, len(roster))
	for i, entry := range roster {
		rows[i] = rosterRow{Participant: string(entry.Participant), Wave: entry.Wave}
	}
	text, err := document(rows)
	if err != nil {
		return fmt.Errorf("pgstore: set roster: %w", err)
	}
	err = s.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		// Two replicas that start together set the roster one after the other; readers are not held up.
		_, err := tx.ExecContext(ctx, `LOCK TABLE roster IN SHARE ROW EXCLUSIVE MODE; DELETE FROM roster;
			INSERT INTO roster (participant, wave)
			SELECT participant, wave FROM jsonb_to_recordset(?::jsonb) AS v(participant text, wave int)`, text)
		return err
	})
	if err != nil {
		return fmt.Errorf("pgstore: set roster: %w", err)
	}
	return nil
}

// Roster implements saga.Rosters.
func (s *Store) Roster(ctx context.Context) ([]saga.RosterEntry, error) {
	roster, err := readRoster(ctx, s.db)
	if err != nil {
		return nil, fmt.Errorf("pgstore: %w", err)
	}
	return roster, nil
}

func readRoster(ctx context.Context, db bun.IDB) ([]saga.RosterEntry, error) {
	var rows []rosterRow
	err := db.NewRaw(`SELECT participant, wave FROM roster ORDER BY wave, participant COLLATE "C"`).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("read roster: %w", err)
	}
	roster := make([]saga.RosterEntry, len(rows))
	for i, row := range rows {
		roster[i] = saga.RosterEntry{Participant: events.Participant(row.Participant), Wave: row.Wave}
	}
	return roster, nil
}
