package erasectl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
)

// migration is one file of one line.
type migration struct {
	Line      string     `json:"line"`
	Schema    string     `json:"schema"`
	Version   int64      `json:"version"`
	File      string     `json:"file,omitempty"`
	AppliedAt *time.Time `json:"applied_at,omitempty"`
	// Is is applied, pending, or unknown: laid by a newer program than this.
	Is string `json:"is"`
}

func (k *console) migrateCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "migrate", Short: "See and lay the tables of the house",
		Long: `Tables are numbered files inside this program, in lines: coordinator, participant:SCHEMA (what every participant keeps
beside its own tables), anchor_text:SCHEMA or anchor_bigint:SCHEMA (over it, for tenants that are no UUIDs), subscriber:SCHEMA,
and bakery:SERVICE for the reference services. status lists them; up lays what is pending.`,
		Example: `  erasectl migrate status
  erasectl migrate up --line coordinator
  erasectl migrate up --line participant:loyalty`})
	c.AddCommand(k.migrateStatusCommand(), k.migrateUpCommand())
	return c
}

func (k *console) migrateStatusCommand() *cobra.Command {
	var l lineFlags
	c := &cobra.Command{Use: "status", Args: exactly(), Short: "List which files are applied and which are pending",
		Long: `Lists every file of the lines: applied, pending, or unknown, which a newer program than this has applied. Without
--line it lists those that the database has, and the coordinator's. It changes nothing.`,
		Example: `  erasectl migrate status --database-url postgres://user@host:5432/db
  erasectl migrate status --line participant:orders --line bakery:orders -o json`}
	l.addTo(c)
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		lines, err := l.parse()
		if err != nil {
			return err
		}
		ctx, cancel := k.within(c.Context())
		defer cancel()
		if err := k.answers(ctx); err != nil {
			return err
		}
		if len(lines) == 0 {
			if lines, err = laidAndNeeded(ctx, k.databaseURL); err != nil {
				return err
			}
		}
		all, err := migrationsOf(ctx, k.databaseURL, lines)
		if err != nil {
			return err
		}
		return k.showMigrations(all, "no files")
	})
	return c
}

func (k *console) migrateUpCommand() *cobra.Command {
	var l lineFlags
	c := &cobra.Command{Use: "up", Args: exactly(), Short: "Lay the files that are pending",
		Long: `Lays what is pending of the lines, default coordinator, and prints it. A missing schema is made. It is safe to call
again, and by several at once. Before a bakery service's line it lays the participant's in the same schema.

It waits for as long as a file takes; --timeout bounds it.`,
		Example: `  erasectl migrate up --database-url postgres://user@host:5432/db
  erasectl migrate up --line participant --schema loyalty`}
	l.addTo(c)
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		lines, err := l.parse()
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			lines = []migrations.Line{migrations.Coordinator()}
		}
		ctx := c.Context()
		if k.timeout > 0 {
			bounded, cancel := context.WithTimeout(ctx, k.timeout)
			defer cancel()
			ctx = bounded
		}
		if err := k.answers(ctx); err != nil {
			return err
		}
		laid, err := lay(ctx, k.databaseURL, withBelow(lines))
		if errors.Is(err, context.DeadlineExceeded) {
			return app.Exit(app.ExitTimeout, "%w; what was laid stays, call it again", err)
		}
		if err != nil {
			return err
		}
		return k.showMigrations(laid, "nothing to lay: "+plural(len(lines), "line")+" up to date")
	})
	return c
}

// lineFlags say which lines.
type lineFlags struct {
	lines  []string
	schema string
}

func (l *lineFlags) addTo(c *cobra.Command) {
	c.Flags().StringArrayVar(&l.lines, "line", nil,
		"coordinator, participant:SCHEMA, subscriber:SCHEMA or bakery:SERVICE; repeatable")
	c.Flags().StringVar(&l.schema, "schema", "", "schema of lines that are named without one")
	complete(c, "line", fixed(completedLines()))
	completeNothing(c, "schema")
}

func completedLines() []string {
	all := []string{lineName(migrations.Coordinator())}
	for _, service := range bakery.All() {
		all = append(all, lineName(migrations.Participant(string(service.Name))), lineName(migrations.Bakery(string(service.Name))))
	}
	return all
}

func (l *lineFlags) parse() (lines []migrations.Line, err error) {
	if l.schema != "" && len(l.lines) == 0 {
		return nil, app.Usage("--schema: needs --line, which says what is laid into it")
	}
	for _, text := range l.lines {
		line, err := parseLine(text, l.schema)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// answers makes sure that there is a database and that it answers.
func (k *console) answers(ctx context.Context) error {
	if k.databaseURL == "" {
		return app.Usage("no database: set --database-url or DATABASE_URL, for example postgres://user@host:5432/db")
	}
	db, err := dialPostgres(ctx, k.databaseURL)
	if err != nil {
		return err
	}
	return db.Close()
}

func (k *console) showMigrations(all []migration, none string) error {
	return showAll(k, all, none, func(p *paper) {
		cols := columns{headers: []string{"line", "schema", "version", "file", "is", "applied"}, numeric: []string{"version"}}
		for _, m := range all {
			cols.row(m.Line, m.Schema, strconv.FormatInt(m.Version, 10), m.File, m.Is, p.instant(m.AppliedAt))
		}
		p.table(cols)
	})
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
		return migrations.Line{}, app.Usage(
			"--line: want coordinator, participant:SCHEMA, subscriber:SCHEMA or bakery:SERVICE (%w)", err)
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

// withBelow adds what lines stand on: a bakery service's tables refer to the participant's in the same schema.
func withBelow(lines []migrations.Line) (all []migrations.Line) {
	for _, line := range lines {
		if line.Name() == "bakery" {
			all = append(all, migrations.Participant(line.Schema()))
		}
		all = append(all, line)
	}
	return all
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
