package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// channel is where stores tell each other that events wait.
const channel = "td_outbox"

// script is the writes of a transaction, sent in one round trip.
type script struct {
	statements []string
	args       []any
}

// add appends a statement with its rows as one JSON parameter.
func (w *script) add(statement string, rows any) error {
	text, err := document(rows)
	if err != nil {
		return err
	}
	w.statements, w.args = append(w.statements, statement), append(w.args, text)
	return nil
}

const (
	// In the order of tenants, so that two stores that insert the same ones wait for each other in a line.
	insertJobs = "INSERT INTO jobs (" + jobColumns + ") SELECT " + jobColumns +
		" FROM jsonb_to_recordset(?::jsonb) AS v(" + jobRecord + ") ORDER BY tenant"
	insertSteps = "INSERT INTO steps (" + stepColumns + ") SELECT " + stepColumns +
		" FROM jsonb_to_recordset(?::jsonb) AS v(" + stepRecord + ")"
	updateJobs = `UPDATE jobs AS j SET state = v.state, version = v.version, decided_by = v.decided_by, due_at = v.due_at,
		deadline = v.deadline, pivot_at = v.pivot_at, finished_at = v.finished_at, wave = v.wave, wake_at = v.wake_at,
		blocked = v.blocked, cause = v.cause, round = v.round, confirmed = v.confirmed
		FROM jsonb_to_recordset(?::jsonb) AS v(` + jobRecord + `) WHERE j.id = v.id`
	updateSteps = `UPDATE steps AS s SET state = v.state, attempt = v.attempt, requested_at = v.requested_at,
		finished_at = v.finished_at, counts = v.counts, mode = v.mode, duration_ms = v.duration_ms, problems = v.problems,
		verified_at = v.verified_at, residue = v.residue, residue_attempt = v.residue_attempt,
		erased_at = v.erased_at, earlier = v.earlier, waiver = v.waiver
		FROM jsonb_to_recordset(?::jsonb) AS v(` + stepRecord + `) WHERE s.job_id = v.job_id AND s.participant = v.participant`
	insertHistory = "INSERT INTO history (" + historyColumns + ") SELECT " + historyColumns +
		" FROM jsonb_to_recordset(?::jsonb) AS v(" + historyRecord + ")"
	insertOutbox = `INSERT INTO outbox (subject, header, body) SELECT subject, header, body FROM
		ROWS FROM (jsonb_to_recordset(?::jsonb) AS (subject text, header jsonb, body text)) WITH ORDINALITY
		AS v(subject, header, body, place) ORDER BY place`
	uncountInbox = "DELETE FROM inbox WHERE event_id IN (SELECT jsonb_array_elements_text(?::jsonb))"
)

// save writes everything the batch decided: at most one statement per table and verb.
func (s *Store) save(ctx context.Context, tx bun.Tx, batch *saga.Batch) error {
	var w script
	writes := batch.Writes()
	if err := w.addWrites(writes); err != nil {
		return err
	}
	if entries := batch.History(); len(entries) > 0 {
		if err := w.add(insertHistory, historyRows(entries)); err != nil {
			return err
		}
	}
	if rejected := batch.Rejected(); len(rejected) > 0 {
		if err := w.add(uncountInbox, keysOf(rejected)); err != nil {
			return err
		}
	}
	if messages := batch.Messages(); len(messages) > 0 {
		if err := w.add(insertOutbox, outboxRows(messages)); err != nil {
			return err
		}
		// A notification takes a lock on the whole server at commit: one per transaction, and only when something waits.
		w.statements = append(w.statements, "SELECT pg_notify(?, ?)")
		w.args = append(w.args, channel, s.name)
	}
	if len(w.statements) == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, strings.Join(w.statements, ";\n"), w.args...); err != nil {
		if violates(err, "jobs_active") && !slices.ContainsFunc(writes, func(w saga.Write) bool { return w.New }) {
			return errReopened
		}
		return fmt.Errorf("save: %w", err)
	}
	return nil
}

func (w *script) addWrites(writes []saga.Write) error {
	jobs, steps := map[bool][]jobRow{}, map[bool][]stepRow{}
	for i := range writes {
		isNew := writes[i].New
		jobs[isNew] = append(jobs[isNew], jobToRow(writes[i].Job))
		for _, step := range writes[i].Steps {
			steps[isNew] = append(steps[isNew], stepToRow(writes[i].Job.ID, step))
		}
	}
	for _, part := range []struct {
		statement string
		rows      any
		n         int
	}{
		{insertJobs, jobs[true], len(jobs[true])}, {insertSteps, steps[true], len(steps[true])},
		{updateJobs, jobs[false], len(jobs[false])}, {updateSteps, steps[false], len(steps[false])},
	} {
		if part.n == 0 {
			continue
		}
		if err := w.add(part.statement, part.rows); err != nil {
			return err
		}
	}
	return nil
}

func outboxRows(messages []events.Message) any {
	type outboxRow struct {
		Subject string            `json:"subject"`
		Header  map[string]string `json:"header"`
		Body    string            `json:"body"`
	}
	rows := make([]outboxRow, len(messages))
	for i, m := range messages {
		rows[i] = outboxRow{Subject: m.Subject, Header: m.Header, Body: string(m.Body)}
	}
	return rows
}

func keysOf(ids []events.EventID) []string {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = inboxKey(id)
	}
	return keys
}
