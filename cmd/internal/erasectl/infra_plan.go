package erasectl

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/yamlplan"
)

func (k *console) planCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "plan", Short: "Write and check the plan of a participant without code",
		Long: `A plan is a file that says what happens to every table of a database when a tenant is deleted. generate writes it from
the catalogue and leaves to decide what cannot be derived, check compares it with the live schema, for CI, and preview
counts. participant --plan runs it. docs/plans.md explains the file.`,
		Example: `  erasectl plan generate --database postgres://user@host:5432/crm --tenant-root organizations.id --out plan.yaml
  erasectl plan check --plan plan.yaml --fail-on warn
  erasectl plan preview --plan plan.yaml --tenant acme`})
	c.AddCommand(k.planGenerateCommand(), k.planCheckCommand(), k.planPreviewCommand(), k.planGrantsCommand(),
		k.planIndexesCommand(), k.planFenceCommand(), k.planSchemaCommand())
	return c
}

// planFlags say which plan and which database.
type planFlags struct{ plan, database string }

func addPlanFlags(c *cobra.Command, f *planFlags) {
	addPlan(c, &f.plan)
	addDatabase(c, &f.database)
}

func addPlan(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "plan", "", "the plan's file [$PLAN]")
	_ = c.MarkFlagFilename("plan", "yaml", "yml")
}

// addDatabase declares the short name of a flag that every command has: a plan is about this one.
func addDatabase(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "database", "", "the database of the tables, else that of --database-url [$DATABASE_URL]")
	completeNothing(c, "database")
}

// readPlan reads the plan of --plan.
func (k *console) readPlan(path string) (*yamlplan.File, error) {
	if path = cmp.Or(path, k.getenv("PLAN")); path == "" {
		return nil, app.Usage("--plan: missing; erasectl plan generate writes one [$PLAN]")
	}
	return app.LoadPlan(path, k.err)
}

// withPlan reads the plan and opens its database for fn, which has the time of --timeout.
func (k *console) withPlan(
	ctx context.Context, f planFlags, fn func(ctx context.Context, file *yamlplan.File, db *bun.DB) error,
) error {
	ctx, cancel := k.within(ctx)
	defer cancel()
	file, err := k.readPlan(f.plan)
	if err != nil {
		return err
	}
	db, err := k.planDatabase(ctx, f.database, file.Home)
	if err != nil {
		return err
	}
	defer db.Close()
	return fn(ctx, file, db)
}

// planDatabase opens the database of a plan, as its participant sees it: the house's own schema alone.
func (k *console) planDatabase(ctx context.Context, dsn, home string) (*bun.DB, error) {
	if dsn = cmp.Or(dsn, k.databaseURL); dsn == "" {
		return nil, app.Usage("no database: set --database or DATABASE_URL, for example postgres://user@host:5432/db")
	}
	db, err := pgpool.Open(dsn, pgpool.Config{Name: clientName, Schema: home})
	if err != nil {
		return nil, app.Usage("--database: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, app.Unreachable("PostgreSQL does not answer (%s); start it, or correct --database", app.OneLine(err.Error()))
	}
	return db, nil
}

// ofPlan gives an error of a plan its exit code.
func ofPlan(err error) error {
	switch {
	case errors.Is(err, participants.ErrRefused):
		return app.Exit(app.ExitConflict, "%w", err)
	case errors.Is(err, events.ErrInvalid):
		return app.Usage("%w", err)
	}
	return err
}

func (k *console) planSchemaCommand() *cobra.Command {
	c := &cobra.Command{Use: "schema", Args: exactly(), Short: "Print the JSON Schema of a plan, for editors",
		Long: `Print the JSON Schema (draft 2020-12) of a plan's file: every key with what it means. Editors that know it complete keys
and mark mistakes. It asks nobody.`,
		Example: `  erasectl plan schema > plan.v1.json`}
	c.RunE = k.run(func(*cobra.Command, []string) error { return k.write(yamlplan.Schema, nil) })
	return c
}
