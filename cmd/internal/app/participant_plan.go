package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rs/zerolog"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/yamlplan"
)

// LoadPlan reads a plan from a file. What is wrong with it is told on stderr, each mistake with its line and a caret; the error
// is the first one.
func LoadPlan(path string, stderr io.Writer) (*yamlplan.File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, Usage("--plan: %w", err)
	}
	file, err := yamlplan.Parse(path, text)
	var invalid *yamlplan.InvalidError
	if errors.As(err, &invalid) {
		_, _ = io.WriteString(stderr, invalid.Explain()) // a failed write to standard error has nobody to be told
	}
	if err != nil {
		return nil, Usage("--plan: %w", err)
	}
	return file, nil
}

// enlistPlan is the participant of a plan. Its connections see the tables of the house alone: the plan names every other one
// with its schema.
func (c ParticipantConfig) enlistPlan() (enlisted, error) {
	file := c.Plan
	if c.Name != "" {
		return enlisted{}, Usage("--plan, --name: exclude each other: the plan names its participant")
	}
	if c.FilesRoot != "" { // whoever says it expects that they are deleted
		return enlisted{}, Usage("--files-root: a plan is about tables alone: write a service that deletes files, or leave it away")
	}
	return enlisted{
		name:  file.Participant,
		pool:  pgpool.Config{Name: string(file.Participant), Schema: file.Home, ConnsMax: max(c.Workers, 2) + previewConns},
		lines: PlanLines(file),
		service: func(ctx context.Context, db *bun.DB) (participants.Service, error) {
			findings, err := tellFindings(ctx, c.Logger, file, db)
			if err != nil {
				return participants.Service{}, err
			}
			plan, err := file.Plan(db, sqlplan.Config{Reached: func() { c.crash.reached(string(participants.PointErasing)) }})
			if err = cmp.Or(err, file.Stands(findings)); err != nil {
				return participants.Service{}, err
			}
			return participants.Service{Name: file.Participant, Ledger: plan}, nil
		}}, nil
}

// PlanLines are the migrations of a plan's participant: what every participant keeps, with an anchor that fits its tenants.
func PlanLines(file *yamlplan.File) []migrations.Line {
	lines := []migrations.Line{migrations.Participant(file.Home)}
	switch file.AnchorType() {
	case "text":
		lines = append(lines, migrations.AnchorText(file.Home))
	case "bigint":
		lines = append(lines, migrations.AnchorBigint(file.Home))
	}
	return lines
}

// levels are how loud a finding is.
var levels = map[sqlplan.Severity]zerolog.Level{
	sqlplan.SeverityRefuse: zerolog.ErrorLevel, sqlplan.SeverityDecide: zerolog.ErrorLevel,
	sqlplan.SeverityWarn: zerolog.WarnLevel, sqlplan.SeverityInfo: zerolog.InfoLevel,
}

// tellFindings logs everything that the comparison with the database finds.
func tellFindings(ctx context.Context, log zerolog.Logger, file *yamlplan.File, db *bun.DB) ([]sqlplan.Finding, error) {
	findings, err := file.Findings(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("app: %w", err)
	}
	for _, f := range findings {
		log.WithLevel(levels[f.Severity]).Str("kind", "finding").Str("participant", string(file.Participant)).Str("code", f.Code).
			Str("severity", string(f.Severity)).Str("table", f.Table).Str("way_out", f.WayOut).Msg(f.Text)
	}
	return findings, nil
}
