package erasectl

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/participants/yamlplan"
)

func (k *console) planGrantsCommand() *cobra.Command {
	var plan, role string
	c := &cobra.Command{Use: "grants", Args: exactly(), Short: "Print the rights that a plan's participant needs, as SQL",
		Long: `Print the statements, for an administrator, that give a role what the plan's participant needs and nothing else: it owns
the plan's home, and reads and deletes in the tables that rows are deleted from. It asks nobody and runs nothing.`,
		Example: `  erasectl plan grants --plan plan.yaml --role crm_eraser
  erasectl plan grants --plan plan.yaml --role crm_eraser | psql postgres://admin@host:5432/crm`}
	addPlan(c, &plan)
	c.Flags().StringVar(&role, "role", "", "role that the participant logs in as")
	completeNothing(c, "role")
	c.RunE = k.run(func(*cobra.Command, []string) error {
		if strings.TrimSpace(role) == "" {
			return app.Usage("--role: missing; the role that the participant logs in as")
		}
		file, err := k.readPlan(plan)
		if err != nil {
			return err
		}
		statements, err := file.Grants(role)
		if err != nil {
			return err
		}
		return k.showSQL(statements)
	})
	return c
}

func (k *console) planIndexesCommand() *cobra.Command {
	var f planFlags
	c := &cobra.Command{Use: "indexes", Args: exactly(), Short: "Print the indexes that a plan's deletions need, as SQL",
		Long: `Print a CREATE INDEX line for each foreign key and path of the plan that has none: without it each deleted row, or each
deletion, would scan a table. The database is only read and nothing is run. The lines do not lock out writers, but for those of
partitioned tables; they cannot run in a transaction.`,
		Example: `  erasectl plan indexes --plan plan.yaml --database postgres://user@host:5432/crm
  erasectl plan indexes --plan plan.yaml | psql --set ON_ERROR_STOP=1 postgres://owner@host:5432/crm`}
	addPlanFlags(c, &f)
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		return k.withPlan(c.Context(), f, func(ctx context.Context, file *yamlplan.File, db *bun.DB) error {
			findings, err := file.Findings(ctx, db)
			if err != nil {
				return ofPlan(err)
			}
			var statements []string
			for _, found := range findings {
				if strings.HasPrefix(found.WayOut, "CREATE INDEX ") && !slices.Contains(statements, found.WayOut) {
					statements = append(statements, found.WayOut)
				}
			}
			if len(statements) == 0 {
				k.say("nothing to do: no index is missing")
			}
			return k.showSQL(statements)
		})
	})
	return c
}

func (k *console) planFenceCommand() *cobra.Command {
	var f planFlags
	c := &cobra.Command{Use: "fence", Args: exactly(), Short: "Print the SQL that fences a plan's tables",
		Long: `Print the statements, for an administrator, that refer each table with a tenant column to the tenant's anchor: from then
on PostgreSQL itself refuses a deletion that leaves a row, and every later row of a tenant that is gone. A trigger on the table
of tenants makes an anchor with each new one. A tenant id that was deleted stays refused until its anchor is opened again.

It is optional: without it a writer in flight can leave rows, which the verification finds. The database is only read, what is
there already is left out, and nothing is run. Adding the column rewrites a table under an exclusive lock: read the statements,
and run them when that may be.`,
		Example: `  erasectl plan fence --plan plan.yaml --database postgres://user@host:5432/crm
  erasectl plan fence --plan plan.yaml | psql --set ON_ERROR_STOP=1 postgres://admin@host:5432/crm`}
	addPlanFlags(c, &f)
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		return k.withPlan(c.Context(), f, func(ctx context.Context, file *yamlplan.File, db *bun.DB) error {
			statements, err := file.Fence(ctx, db)
			if errors.Is(err, yamlplan.ErrNoFence) {
				return app.Exit(app.ExitConflict, "%w", err)
			}
			if err != nil {
				return err
			}
			if len(statements) == 0 {
				k.say("nothing to do: every table that can be fenced is")
			}
			return k.showSQL(statements)
		})
	})
	return c
}

// showSQL prints statements for psql, or as a list.
func (k *console) showSQL(statements []string) error {
	if k.output != outputTable {
		return showAll(k, statements, "", nil)
	}
	var text strings.Builder
	for _, statement := range statements {
		text.WriteString(statement + ";\n")
	}
	return k.write([]byte(text.String()), nil)
}
