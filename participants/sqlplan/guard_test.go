package sqlplan_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// acting has every place in which a key can act on deletes: a child of a parent, a table and itself, a cycle.
const acting = `
ALTER TABLE tenant_anchor ALTER COLUMN tenant_id TYPE text;
CREATE SCHEMA crm;
CREATE TABLE crm.users (id int PRIMARY KEY, org text NOT NULL, whose text);
CREATE TABLE crm.posts (id int PRIMARY KEY, org text NOT NULL, author int, editor int, whose text,
 CONSTRAINT author FOREIGN KEY (author) REFERENCES crm.users ON DELETE CASCADE,
 CONSTRAINT editor FOREIGN KEY (editor) REFERENCES crm.users ON DELETE SET NULL);
CREATE INDEX ON crm.posts (author); CREATE INDEX ON crm.posts (editor);
CREATE TABLE crm.replies (id int PRIMARY KEY, org text NOT NULL, parent int, whose text,
 CONSTRAINT parent FOREIGN KEY (parent) REFERENCES crm.replies ON DELETE CASCADE);
CREATE INDEX ON crm.replies (parent);
CREATE TABLE crm.boards (id int PRIMARY KEY, org text NOT NULL, first int, whose text);
CREATE TABLE crm.cards (id int PRIMARY KEY, board int NOT NULL, whose text,
 CONSTRAINT board FOREIGN KEY (board) REFERENCES crm.boards ON DELETE CASCADE);
ALTER TABLE crm.boards ADD CONSTRAINT first FOREIGN KEY (first) REFERENCES crm.cards ON DELETE SET NULL;
CREATE INDEX ON crm.cards (board); CREATE INDEX ON crm.boards (first);
`

const actingRows = `
INSERT INTO crm.users SELECT g, CASE g % 2 WHEN 0 THEN 'acme' ELSE 'zeta' END FROM generate_series(1, 400) g;
INSERT INTO crm.posts SELECT id, org, id, CASE WHEN id > 2 THEN id - 2 END FROM crm.users;
INSERT INTO crm.replies SELECT id, org, CASE WHEN id > 2 THEN id - 2 END FROM crm.users;
INSERT INTO crm.boards SELECT id, org FROM crm.users;
INSERT INTO crm.cards SELECT id, id FROM crm.boards;
UPDATE crm.boards SET first = id;
UPDATE crm.users SET whose = org; UPDATE crm.posts SET whose = org; UPDATE crm.replies SET whose = org;
UPDATE crm.boards SET whose = org; UPDATE crm.cards c SET whose = org FROM crm.boards b WHERE b.id = c.board;
ANALYZE;`

func actingRules() []sqlplan.Rule {
	return []sqlplan.Rule{
		sqlplan.Delete("users").By("org").AcceptingAction("author", "posts go first").AcceptingAction("editor", "posts go first"),
		sqlplan.Delete("posts").By("org"),
		sqlplan.Delete("replies").By("org").AcceptingAction("parent", "threads are of one tenant"),
		sqlplan.Delete("boards").By("org").AcceptingAction("board", "cards go with them"),
		sqlplan.Delete("cards").Via("board", "boards").AcceptingAction("first", "boards go with them"),
	}
}

func actingPlan(t testing.TB, cfg sqlplan.Config, ddl string, rules []sqlplan.Rule) (*sqlplan.Plan, *bun.DB) {
	t.Helper()
	db := database(t, acting, actingRows+ddl)
	cfg.Service, cfg.Schemas = "crm", []string{"crm"}
	return sqlplan.New(db, cfg, rules...), db
}

func TestActingKeys(t *testing.T) {
	t.Parallel()
	bounded := sqlplan.Config{BoundedRows: 100, ChunkRows: 20, Pace: time.Microsecond}
	for mode, cfg := range map[string]sqlplan.Config{participants.ModeTransaction: {}, participants.ModeBounded: bounded} {
		t.Run(mode+": accepted keys find nothing to act on, and every row is counted", func(t *testing.T) {
			t.Parallel()
			plan, db := actingPlan(t, cfg, "", actingRules())
			require.NoError(t, plan.Check(t.Context()))
			before := contents(t, db, "crm")
			receipt, _, err := erase(t.Context(), plan, command("acme"))
			require.NoError(t, err)
			require.Equal(t, mode, receipt.Mode)
			require.Equal(t, participants.Counts{"users": 200, "posts": 200, "replies": 200, "boards": 200, "cards": 200}, receipt.Counts)
			requireGone(t, before, contents(t, db, "crm"), "acme")
		})

		for claim, ddl := range map[string]string{
			"another tenant's row that would be deleted":      "UPDATE crm.posts SET author = 2 WHERE id = 1",
			"another tenant's row that would be changed":      "UPDATE crm.posts SET editor = 2 WHERE id = 1",
			"another tenant's row of the same table":          "UPDATE crm.replies SET parent = 2 WHERE id = 1",
			"another tenant's row in a cycle of the tenant's": "UPDATE crm.boards SET first = 2 WHERE id = 1",
		} {
			t.Run(mode+": "+claim+" refuses, and stays as it is", func(t *testing.T) {
				t.Parallel()
				plan, db := actingPlan(t, cfg, ddl, actingRules())
				before := contents(t, db, "crm")
				_, _, err := erase(t.Context(), plan, command("acme"))
				requireRefused(t, err, participants.CodeDatabase, "foreign key", "ON DELETE")
				after := contents(t, db, "crm")
				for row, whose := range before {
					if whose == "zeta" {
						require.Contains(t, after, row)
					}
				}
				if mode == participants.ModeTransaction {
					requireUntouched(t, db, before, "crm")
				}
			})
		}
	}

	t.Run("each key that acts must be accepted by name", func(t *testing.T) {
		t.Parallel()
		plan, _ := actingPlan(t, sqlplan.Config{}, "", []sqlplan.Rule{
			sqlplan.Delete("users").By("org").AcceptingAction("author", "posts go first").AcceptingAction("gone", "x"),
			sqlplan.Delete("posts").By("org"), sqlplan.Delete("replies").By("org"), sqlplan.Delete("boards").By("org"),
			sqlplan.Delete("cards").Via("board", "boards")})
		findings, err := plan.Findings(t.Context())
		require.NoError(t, err)
		for _, key := range []string{"editor", "parent", "board", "first"} {
			requireFinding(t, findings, sqlplan.FindingCascade, "foreign key "+key+" ")
		}
		stale := 0
		for _, f := range findings {
			require.NotContains(t, f.Text, "foreign key author ")
			if f.Code == sqlplan.FindingStale {
				require.Equal(t, sqlplan.SeverityWarn, f.Severity)
				stale++
			}
		}
		require.Equal(t, 1, stale, "an acceptance without its key is told")
	})

	t.Run("a row that begins to refer while the deletion runs waits, and is not taken along", func(t *testing.T) {
		t.Parallel()
		r := raceActing(t)
		writer := make(chan error, 1)
		go func() {
			_, err := r.db.ExecContext(context.Background(), "INSERT INTO crm.posts VALUES (1000, 'zeta', 2, NULL, 'zeta')")
			writer <- err
		}()
		r.waits("INSERT INTO crm.posts%")
		require.NoError(t, r.proceed())
		require.ErrorContains(t, <-writer, "23503", "its user is gone")
		require.Zero(t, number(t, r.db, "SELECT count(*) FROM crm.users WHERE org = 'acme'"))
	})

	t.Run("a row that comes between the lock and the delete rolls back, and the next delivery takes it", func(t *testing.T) {
		t.Parallel()
		r := raceActing(t)
		execute(t, r.db, "INSERT INTO crm.users VALUES (1000, 'acme', 'acme')")
		err := r.proceed()
		require.ErrorContains(t, err, "rows changed")
		require.NotErrorIs(t, err, participants.ErrRefused)
		receipt, _, err := erase(t.Context(), r.plan, command("acme"))
		require.NoError(t, err)
		require.EqualValues(t, 201, receipt.Counts["users"])
	})
}

// actingRace is an erasure that has locked what acting keys refer to, and waits for a writer that holds one of the tenant's
// posts.
type actingRace struct {
	*testing.T
	db     *bun.DB
	plan   *sqlplan.Plan
	writer *sql.Conn
	done   chan error
}

func raceActing(t *testing.T) *actingRace {
	t.Helper()
	r := &actingRace{T: t, done: make(chan error, 1)}
	r.plan, r.db = actingPlan(t, sqlplan.Config{}, "", actingRules())
	require.NoError(t, r.plan.Check(t.Context()))
	var err error
	r.writer, err = r.db.DB.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.writer.Close() })
	_, err = r.writer.ExecContext(t.Context(), "BEGIN; SELECT FROM crm.posts WHERE id = 2 FOR UPDATE")
	require.NoError(t, err)
	go func() { _, _, err := erase(context.Background(), r.plan, command("acme")); r.done <- err }()
	r.waits("DELETE%posts%")
	return r
}

// waits returns when a statement of this form waits for a lock.
func (r *actingRace) waits(form string) {
	r.Helper()
	waitFor(r, form, func() bool {
		return number(r, r.db, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '"+form+"'"+
			" AND datname = current_database()") == 1
	})
}

// proceed ends the writer, and then the erasure.
func (r *actingRace) proceed() error {
	_, err := r.writer.ExecContext(context.Background(), "ROLLBACK")
	require.NoError(r, err)
	return <-r.done
}

func TestAcceptedTrigger(t *testing.T) {
	t.Parallel()
	for claim, c := range map[string]struct {
		table, body, code string
		rule              sqlplan.Rule
	}{
		"one that lets the rows go passes": {table: "posts", body: "RETURN OLD", rule: sqlplan.Delete("posts").By("org")},
		"one that keeps rows is found, and nothing is gone": {table: "replies", body: "RETURN NULL", code: participants.CodeResidue,
			rule: sqlplan.Delete("replies").By("org").AcceptingAction("parent", "threads are of one tenant")},
		"one that keeps rows which others need is refused by their keys": {table: "posts", body: "RETURN NULL",
			code: participants.CodeDatabase, rule: sqlplan.Delete("posts").By("org")},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			rules := actingRules()
			for i := range rules {
				if rules[i].Spec().Table == c.table {
					rules[i] = c.rule.AcceptingTrigger("archive", "read: it only counts")
				}
			}
			plan, db := actingPlan(t, sqlplan.Config{}, trigger("crm."+c.table, "archive", c.body), rules)
			before := contents(t, db, "crm")
			_, _, err := erase(t.Context(), plan, command("acme"))
			if c.code == "" {
				require.NoError(t, err)
				requireGone(t, before, contents(t, db, "crm"), "acme")
				return
			}
			requireRefused(t, err, c.code)
			requireUntouched(t, db, before, "crm")
		})
	}
}
