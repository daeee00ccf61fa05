package erasectl

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/yamlplan"
)

// failOns are the severities that can fail a check. What is worth knowing never does.
var failOns = []sqlplan.Severity{sqlplan.SeverityRefuse, sqlplan.SeverityDecide, sqlplan.SeverityWarn}

func (k *console) planCheckCommand() *cobra.Command {
	var f planFlags
	var failOn string
	c := &cobra.Command{Use: "check", Args: exactly(), Short: "Compare a plan with the live schema",
		Long: `Compare a plan with the schema that a database has now, and print every finding with its severity and the way out:

  refuse  no deletion runs until it is mended: a table on no plan, row-level security, a foreign key without an index
  decide  a person must decide in the plan, and no deletion runs until then
  warn    deletions run, but somebody should look
  info    worth knowing

The database is only read. A database without the participant's own tables will do: CI needs the schema alone. Exit code 5
says that there is a finding of --fail-on or graver, default decide: what a participant would refuse to start with.`,
		Example: `  erasectl plan check --plan plan.yaml --database postgres://user@host:5432/crm
  erasectl plan check --plan plan.yaml --fail-on warn
  erasectl plan check --plan plan.yaml -o jsonl | jq -r .way_out`}
	addPlanFlags(c, &f)
	c.Flags().StringVar(&failOn, "fail-on", string(sqlplan.SeverityDecide), "gravity that fails the check: refuse, decide or warn")
	complete(c, "fail-on", fixed(failOns))
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		if !slices.Contains(failOns, sqlplan.Severity(failOn)) {
			return app.Usage("--fail-on: must be one of %s", words(failOns))
		}
		return k.withPlan(c.Context(), f, func(ctx context.Context, file *yamlplan.File, db *bun.DB) error {
			return k.checkPlan(ctx, file, db, sqlplan.Severity(failOn))
		})
	})
	return c
}

func (k *console) checkPlan(ctx context.Context, file *yamlplan.File, db *bun.DB, failOn sqlplan.Severity) error {
	findings, err := file.Findings(ctx, db)
	if err != nil {
		return ofPlan(err)
	}
	findings = unlaid(file, findings)
	err = showAll(k, findings, "nothing to mend, nothing to decide", func(p *paper) {
		cols := columns{headers: []string{"severity", "table", "finding", "way out"}}
		for _, found := range findings {
			cols.row(string(found.Severity), found.Table, found.Text, found.WayOut)
		}
		p.table(cols)
	})
	if err != nil {
		return err
	}
	worst := yamlplan.Worst(findings)
	if worst == "" || yamlplan.Rank(worst) > yamlplan.Rank(failOn) {
		return nil
	}
	return app.Exit(app.ExitConflict, "the plan of %s does not stand: %s", file.Participant, gravity(findings, failOn))
}

// unlaid takes the participant's own tables for what they are in CI: not laid yet, which the participant does or refuses.
func unlaid(file *yamlplan.File, findings []sqlplan.Finding) []sqlplan.Finding {
	all := len(findings)
	findings = slices.DeleteFunc(findings, func(f sqlplan.Finding) bool { return f.Code == sqlplan.FindingHome })
	if len(findings) < all {
		findings = append(findings, sqlplan.Finding{Code: sqlplan.FindingHome, Severity: sqlplan.SeverityInfo,
			Text:   "the participant's own tables are not laid in schema " + file.Home,
			WayOut: "participant --plan FILE --migrate lays them"})
	}
	return findings
}

// gravity counts the findings of a gravity and above.
func gravity(findings []sqlplan.Finding, least sqlplan.Severity) string {
	var counted []string
	for _, severity := range failOns[:slices.Index(failOns, least)+1] {
		n := 0
		for _, f := range findings {
			if f.Severity == severity {
				n++
			}
		}
		if n > 0 {
			counted = append(counted, plural(n, "finding")+" of "+string(severity))
		}
	}
	return strings.Join(counted, ", ")
}

func (k *console) planPreviewCommand() *cobra.Command {
	var f planFlags
	var tenant string
	c := &cobra.Command{Use: "preview", Args: exactly(), Short: "Count what a plan would delete of a tenant, without effect",
		Long: `Count exactly, table by table, what the plan would delete of a tenant now, and say what it keeps and why. It has no
effect, and refuses where a deletion would: exit code 5.`,
		Example: `  erasectl plan preview --plan plan.yaml --database postgres://user@host:5432/crm --tenant acme
  erasectl plan preview --plan plan.yaml --tenant acme -o json`}
	addPlanFlags(c, &f)
	c.Flags().StringVar(&tenant, "tenant", "", "id of the tenant")
	completeNothing(c, "tenant")
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		if err := argTenant.check(tenant); err != nil {
			return app.Usage("--tenant: %w", err)
		}
		return k.withPlan(c.Context(), f, func(ctx context.Context, file *yamlplan.File, db *bun.DB) error {
			return k.previewPlan(ctx, file, db, events.TenantID(tenant))
		})
	})
	return c
}

func (k *console) previewPlan(ctx context.Context, file *yamlplan.File, db *bun.DB, tenant events.TenantID) error {
	plan, err := file.Plan(db, sqlplan.Config{})
	if err != nil {
		return ofPlan(err)
	}
	findings, err := file.Findings(ctx, db)
	if err = cmp.Or(err, file.Stands(unlaid(file, findings))); err != nil {
		return ofPlan(err)
	}
	counts, err := plan.Preview(ctx, tenant)
	if err != nil {
		return ofPlan(err)
	}
	found := events.Preview{TenantID: tenant, ServiceName: file.Participant, Counts: counts, Kept: plan.Kept()}
	return k.show(found, func(p *paper) {
		cols := columns{headers: []string{"table", "rows"}, numeric: []string{"rows"}}
		for _, table := range sortedKeys(counts) {
			cols.row(table, thousands(counts[table]))
		}
		p.table(cols)
		p.gap()
		p.line("%s rows of %s would go", thousands(found.Total()), tenant)
		kept := columns{headers: []string{"kept", "why"}}
		for _, table := range sortedKeys(found.Kept) {
			kept.row(table, found.Kept[table])
		}
		if len(found.Kept) > 0 {
			p.gap()
			p.table(kept)
		}
	})
}
