package sqlplan_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

func strangerProposal() sqlplan.ProposeConfig {
	return sqlplan.ProposeConfig{Root: "organizations.id", Schemas: []string{"crm", "billing"},
		TenantColumns: []string{"organization_id"}}
}

func TestPropose(t *testing.T) {
	t.Parallel()

	t.Run("derives what keys say, and leaves the rest to a person", func(t *testing.T) {
		t.Parallel()
		db := database(t, stranger, strangerRows(1))
		p, err := sqlplan.Propose(t.Context(), db, strangerProposal())
		require.NoError(t, err)
		require.Equal(t, "bigint", p.TenantType)
		require.Equal(t, "shop", p.Home)
		require.Equal(t, []string{"crm", "billing"}, p.Schemas)
		require.Equal(t, []sqlplan.Rule{
			sqlplan.Delete(`billing."we""ird.select"`).Via(`from "where"`, "billing.Order"),
			sqlplan.Delete("billing.Order").By("user"),
			sqlplan.Delete("organizations").By("id"),
			sqlplan.Delete("projects").By("organization_id"),
			sqlplan.Delete("tasks").Via("project_id", "projects"),
			sqlplan.Delete("template_parts").Via("template_id", "templates"),
			sqlplan.Delete("templates").By("organization_id"),
		}, p.Rules)
		require.Empty(t, p.Notes)
		require.Equal(t, []string{
			"billing.transfers undecided_column several columns mean a tenant: from_id, to_id",
			"comments polymorphic_type columns commentable_type and commentable_id look like a polymorphic reference",
			"countries unplanned_table nothing leads from it to the tenant",
			"label_uses path it refers to labels (label_id), which is undecided",
			"labels path column project_id looks like a reference, and has no foreign key",
			"notes nullable_path its foreign key to tasks (task_id) may be null",
			"reactions path it refers to comments (comment_id), which is undecided",
		}, seen(p.Undecided))
	})

	t.Run("what a person has decided is a way for the others", func(t *testing.T) {
		t.Parallel()
		db := database(t, stranger, strangerRows(2))
		cfg := strangerProposal()
		for _, rule := range strangerRules() {
			switch rule.Spec().Table {
			case "countries", "notes", "labels", "comments", "templates", "billing.transfers":
				cfg.Decided = append(cfg.Decided, rule)
			}
		}
		p, err := sqlplan.Propose(t.Context(), db, cfg)
		require.NoError(t, err)
		require.Empty(t, p.Undecided)
		plan := sqlplan.New(db, strangerConfig(), append(cfg.Decided, p.Rules...)...)
		require.NoError(t, plan.Check(t.Context()))
		before := contents(t, db, "crm", "billing")
		_, _, err = erase(t.Context(), plan, command("2"))
		require.NoError(t, err)
		requireGone(t, before, contents(t, db, "crm", "billing"), "2")
	})

	t.Run("undecided tables refuse the plan", func(t *testing.T) {
		t.Parallel()
		db := database(t, stranger, strangerRows(1))
		p, err := sqlplan.Propose(t.Context(), db, strangerProposal())
		require.NoError(t, err)
		err = sqlplan.New(db, strangerConfig(), p.Rules...).Check(t.Context())
		requireRefused(t, err, participants.CodeUnplannedTable, "billing.transfers", "comments", "countries", "label_uses", "labels",
			"notes", "reactions")
	})

	t.Run("names the tenant column that has no key, and a choice among paths", func(t *testing.T) {
		t.Parallel()
		db := database(t, stranger, "ALTER TABLE crm.tasks ADD template_id bigint NOT NULL REFERENCES crm.templates")
		cfg := strangerProposal()
		cfg.TenantColumns = nil
		p, err := sqlplan.Propose(t.Context(), db, cfg)
		require.NoError(t, err)
		require.Contains(t, seen(p.Undecided),
			"templates undecided_column column organization_id has the name of a tenant column, and no foreign key")
		p, err = sqlplan.Propose(t.Context(), db, strangerProposal())
		require.NoError(t, err)
		require.Equal(t, []string{"tasks path reached via projects (project_id); it refers to templates (template_id) too"},
			seen(p.Notes))
	})

	t.Run("needs nothing of the engine's in the database", func(t *testing.T) {
		t.Parallel()
		db := database(t, stranger, strangerRows(1)+"DROP TABLE tenant_anchor, td_receipts, td_bounded, td_progress")
		p, err := sqlplan.Propose(t.Context(), db, strangerProposal())
		require.NoError(t, err)
		require.Len(t, p.Rules, 7)
		findings, err := sqlplan.New(db, strangerConfig(), strangerRules()...).Findings(t.Context())
		require.NoError(t, err)
		for _, f := range findings {
			if f.Severity != sqlplan.SeverityInfo && f.Severity != sqlplan.SeverityWarn {
				require.Equal(t, sqlplan.FindingHome, f.Code)
			}
		}
		counts, err := sqlplan.New(db, strangerConfig(), strangerRules()...).Preview(t.Context(), "2")
		require.NoError(t, err, "counting needs nothing of it either")
		require.EqualValues(t, 1, counts["projects"])
		_, _, err = erase(t.Context(), sqlplan.New(db, strangerConfig(), strangerRules()...), command("2"))
		requireRefused(t, err, participants.CodePlanInvalid, "td_receipts", "migrations/participant")
	})

	t.Run("refuses a root that is not there, or that cannot be told apart", func(t *testing.T) {
		t.Parallel()
		db := database(t, stranger, "CREATE TABLE crm.odd (id double precision PRIMARY KEY)")
		for _, root := range []string{"", "organizations", "nowhere.id", "organizations.nothing", "odd.id", `"organizations.id`} {
			cfg := strangerProposal()
			cfg.Root = root
			_, err := sqlplan.Propose(t.Context(), db, cfg)
			require.Error(t, err, root)
		}
		_, err := sqlplan.Propose(t.Context(), db, sqlplan.ProposeConfig{Root: "a.id", Schemas: []string{"nowhere"}})
		require.ErrorContains(t, err, "nowhere")
	})
}

// seen is the findings in short.
func seen(findings []sqlplan.Finding) []string {
	list := make([]string, len(findings))
	for i, f := range findings {
		list[i] = strings.Join([]string{f.Table, f.Code, f.Text}, " ")
	}
	return list
}
