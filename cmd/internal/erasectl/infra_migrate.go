package erasectl

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/migrations"
)

// migration is one file of one line.
type migration struct {
	Line      string     `json:"line" yaml:"line"`
	Schema    string     `json:"schema" yaml:"schema"`
	Version   int64      `json:"version" yaml:"version"`
	File      string     `json:"file,omitempty" yaml:"file,omitempty"`
	AppliedAt *time.Time `json:"applied_at,omitempty" yaml:"applied_at,omitempty"`
	// Is is applied, pending, or unknown: laid by a newer program than this.
	Is string `json:"is" yaml:"is"`
}

// parseLine reads coordinator, participant:SCHEMA, bakery:SERVICE or subscriber:SCHEMA; the schema may come from a flag.
func parseLine(text, schema string) (migrations.Line, error) {
	name, of, given := strings.Cut(text, ":")
	if given && schema != "" {
		return migrations.Line{}, app.Usage("--schema: --line names a schema already")
	}
	if !given {
		of = schema
	}
	line, err := migrations.Named(name, of)
	if err != nil {
		return migrations.Line{}, app.Usage("--line: want coordinator, participant:SCHEMA, subscriber:SCHEMA or bakery:SERVICE (%w)", err)
	}
	return line, nil
}

// lineName is what parseLine reads.
func lineName(line migrations.Line) string {
	if line.Name() == "coordinator" {
		return line.Name()
	}
	return line.Name() + ":" + line.Schema()
}

// linesBelow adds what a line stands on: a bakery service's tables refer to the participant's in the same schema.
func linesBelow(line migrations.Line) []migrations.Line {
	if line.Name() == "bakery" {
		return []migrations.Line{migrations.Participant(line.Schema()), line}
	}
	return []migrations.Line{line}
}

// laidAndNeeded are the lines that the database has, and the coordinator's in any case, first.
func laidAndNeeded(ctx context.Context, dsn string) ([]migrations.Line, error) {
	lines, err := migrations.Laid(ctx, dsn)
	if err != nil {
		return nil, err
	}
	coordinator := migrations.Coordinator()
	lines = slices.DeleteFunc(lines, func(l migrations.Line) bool { return l.String() == coordinator.String() })
	return append([]migrations.Line{coordinator}, lines...), nil
}

// migrationsOf lists the files of lines.
func migrationsOf(ctx context.Context, dsn string, lines []migrations.Line) ([]migration, error) {
	all := []migration{}
	for _, line := range lines {
		versions, err := migrations.Versions(ctx, dsn, line)
		if err != nil {
			return nil, err
		}
		for _, v := range versions {
			m := migration{Line: line.Name(), Schema: line.Schema(), Version: v.Number, File: v.File, Is: "pending"}
			if !v.AppliedAt.IsZero() {
				m.AppliedAt, m.Is = &v.AppliedAt, "applied"
			}
			if v.File == "" {
				m.Is = "unknown"
			}
			all = append(all, m)
		}
	}
	return all, nil
}

// lay applies lines and returns the files that were pending before and are laid now.
func lay(ctx context.Context, dsn string, lines []migrations.Line) ([]migration, error) {
	before, err := migrationsOf(ctx, dsn, lines)
	if err != nil {
		return nil, err
	}
	if err := migrations.Apply(ctx, dsn, lines...); err != nil {
		return nil, err
	}
	after, err := migrationsOf(ctx, dsn, lines)
	if err != nil {
		return nil, err
	}
	pending := map[string]bool{}
	for _, m := range before {
		pending[m.key()] = m.Is == "pending"
	}
	laid := []migration{}
	for _, m := range after {
		if m.Is == "applied" && pending[m.key()] {
			laid = append(laid, m)
		}
	}
	return laid, nil
}

func (m migration) key() string { return fmt.Sprintf("%s@%s/%d", m.Line, m.Schema, m.Version) }

// outstanding counts the files that are not laid, and the versions that this program has no file of.
func outstanding(versions []migrations.Version) (pending, unknown int) {
	for _, v := range versions {
		switch {
		case v.File == "":
			unknown++
		case v.AppliedAt.IsZero():
			pending++
		}
	}
	return pending, unknown
}
