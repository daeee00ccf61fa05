package erasectl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/yamlplan"
)

// shop is a schema with a table of each kind: derived by column and by path, to decide, and to mend.
const shop = `
	CREATE TABLE shops (id text PRIMARY KEY);
	CREATE TABLE orders (id bigint PRIMARY KEY, shop text NOT NULL REFERENCES shops);
	CREATE INDEX ON orders (shop);
	CREATE TABLE lines (order_id bigint NOT NULL REFERENCES orders, no int, PRIMARY KEY (order_id, no));
	CREATE TABLE colours (name text PRIMARY KEY);
	INSERT INTO shops VALUES ('rye'), ('spelt');
	INSERT INTO orders VALUES (1, 'rye'), (2, 'rye'), (3, 'spelt');
	INSERT INTO lines VALUES (1, 1), (1, 2), (3, 1);`

// planned is a database and a folder for its plan.
type planned struct {
	t    *testing.T
	dsn  string
	plan string
}

func newPlanned(t *testing.T, statements string) *planned {
	t.Helper()
	p := &planned{t: t, dsn: pgtest.New(t).AdminDSN(), plan: filepath.Join(t.TempDir(), "plan.yaml")}
	p.exec(statements)
	return p
}

func (p *planned) exec(statements string) {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), p.dsn)
	require.NoError(p.t, err)
	defer conn.Close(p.t.Context())
	_, err = conn.Exec(p.t.Context(), statements)
	require.NoError(p.t, err)
}

// command runs erasectl plan on the database.
func (p *planned) command(args ...string) ran {
	p.t.Helper()
	got := run(p.t.Context(), p.t, append([]string{"plan"}, append(args, "--database", p.dsn)...)...)
	require.NotContains(p.t, got.out+got.err, "postgres://", "no DSN is shown")
	return got
}

// generate writes the plan of shop.
func (p *planned) generate() {
	p.t.Helper()
	got := p.command("generate", "--tenant-root", "shops.id", "--participant", "shop", "--out", p.plan)
	require.Equal(p.t, app.ExitDone, got.code, got.err)
}

func (p *planned) file() *yamlplan.File {
	p.t.Helper()
	text, err := os.ReadFile(p.plan)
	require.NoError(p.t, err)
	file, err := yamlplan.Parse(p.plan, text)
	require.NoError(p.t, err)
	return file
}

// edit replaces a text of the plan, as a person does.
func (p *planned) edit(old, changed string) {
	p.t.Helper()
	text, err := os.ReadFile(p.plan)
	require.NoError(p.t, err)
	require.Contains(p.t, string(text), old)
	writeFile(p.t, p.plan, strings.Replace(string(text), old, changed, 1))
}

// decide keeps the one table of shop that is to decide.
func (p *planned) decide() {
	p.t.Helper()
	for _, table := range p.file().Tables {
		if table.Table == "colours" {
			p.edit(table.Decide, "x")
		}
	}
	p.edit("colours: {decide: x}", "colours: {keep: of all shops} # asked Ann")
}

func TestPlanGenerate(t *testing.T) {
	t.Parallel()

	t.Run("derives what the catalogue says and leaves the rest to decide", func(t *testing.T) {
		t.Parallel()
		p := newPlanned(t, shop)
		got := p.command("generate", "--tenant-root", "shops.id", "--participant", "shop")
		require.Equal(t, app.ExitDone, got.code, got.err)
		require.Equal(t, []string{"plan: 4 tables, 1 to decide", "to decide: colours"}, lines(got.err))
		require.Contains(t, got.out, "erasectl plan generate")
		file, err := yamlplan.Parse("stdout", []byte(got.out))
		require.NoError(t, err)
		require.Equal(t, yamlplan.Tenant{Root: "shops.id", Type: "text"}, file.Tenant)
		require.Equal(t, []string{"colours"}, file.Undecided())
		rules := map[string]sqlplan.RuleSpec{}
		for _, table := range file.Tables {
			rules[table.Table] = table.RuleSpec
		}
		require.Equal(t, map[string]sqlplan.RuleSpec{
			"colours": {Table: "colours"},
			"lines":   {Table: "lines", ViaColumn: "order_id", ViaParent: "orders"},
			"orders":  {Table: "orders", By: []string{"shop"}},
			"shops":   {Table: "shops", By: []string{"id"}},
		}, rules)
	})
	t.Run("overwrites nothing; an update keeps decisions and comments and takes in what is new", func(t *testing.T) {
		t.Parallel()
		p := newPlanned(t, shop)
		p.generate()
		inOneLine(t, p.command("generate", "--tenant-root", "shops.id", "--out", p.plan), app.ExitConflict, "--update")
		p.decide()
		p.edit("orders: {by: shop}", "orders: {by: shop, accept_triggers: {touch: Bob read it}}")
		p.exec(`CREATE TABLE returns (id int PRIMARY KEY, order_id bigint NOT NULL REFERENCES orders); DROP TABLE lines;
			CREATE TABLE colour_names (name text PRIMARY KEY)`)
		got := p.command("generate", "--update", p.plan)
		require.Equal(t, app.ExitDone, got.code, got.err)
		require.Empty(t, got.out)
		require.Contains(t, got.err, "6 tables, 1 to decide\n")
		require.Contains(t, got.err, "new: returns\n")
		require.Contains(t, got.err, "to decide: colour_names\n")
		require.Contains(t, got.err, "remove their lines: lines\n")
		tables := map[string]yamlplan.Table{}
		for _, table := range p.file().Tables {
			tables[table.Table] = table
		}
		require.Equal(t, "of all shops", tables["colours"].Reason)
		require.Equal(t, []string{"# asked Ann"}, tables["colours"].Comments)
		require.Equal(t, "Bob read it", tables["orders"].AcceptTriggers["touch"])
		require.Equal(t, "order_id", tables["returns"].ViaColumn)
		require.Contains(t, strings.Join(tables["returns"].Notes, "\n"), "CREATE INDEX CONCURRENTLY ON", "above it")
		require.Contains(t, tables, "lines", "a person removes what a person may have written")
		text, err := os.ReadFile(p.plan)
		require.NoError(t, err)
		require.Equal(t, app.ExitDone, p.command("generate", "--update", p.plan).code)
		again, err := os.ReadFile(p.plan)
		require.NoError(t, err)
		require.Equal(t, string(text), string(again), "nothing new changes nothing")
	})
	t.Run("the participant is called after the database, when that is a name", func(t *testing.T) {
		t.Parallel()
		p := newPlanned(t, shop)
		inOneLine(t, p.command("generate", "--tenant-root", "shops.id"), app.ExitUsage, "--participant") // longer than 32
	})
	t.Run("a root that is not there is said so", func(t *testing.T) {
		t.Parallel()
		p := newPlanned(t, shop)
		for _, root := range []string{"bakeries.id", "shops.name", "shops"} {
			got := p.command("generate", "--tenant-root", root, "--participant", "shop")
			require.NotEqual(t, app.ExitDone, got.code)
			require.Len(t, lines(got.err), 1)
			require.Empty(t, got.out)
		}
	})
}

func TestPlanCheck(t *testing.T) {
	t.Parallel()

	t.Run("fails as long as something is to decide, then stands without the participant's own tables", func(t *testing.T) {
		t.Parallel()
		p := newPlanned(t, shop)
		p.generate()
		got := p.command("check", "--plan", p.plan)
		require.Equal(t, app.ExitConflict, got.code, got.err)
		require.Regexp(t, `(?m)^decide +colours +`, got.out)
		require.Contains(t, got.err, "1 finding of decide")
		require.Equal(t, app.ExitDone, p.command("check", "--plan", p.plan, "--fail-on", "refuse").code)
		p.decide()
		got = p.command("check", "--plan", p.plan, "-o", "json")
		require.Equal(t, app.ExitDone, got.code, got.err)
		for _, found := range decoded[[]sqlplan.Finding](t, got) {
			require.NotContains(t, []sqlplan.Severity{sqlplan.SeverityRefuse, sqlplan.SeverityDecide}, found.Severity)
		}
	})
	t.Run("names a table that nobody planned and an index that is missing, with the way out", func(t *testing.T) {
		t.Parallel()
		p := newPlanned(t, shop)
		p.generate()
		p.decide()
		p.exec(`CREATE TABLE vouchers (shop text NOT NULL REFERENCES shops); DROP INDEX orders_shop_idx`)
		got := p.command("check", "--plan", p.plan, "--fail-on", "refuse", "-o", "json")
		require.Equal(t, app.ExitConflict, got.code, got.err)
		found := map[string]sqlplan.Finding{}
		for _, one := range decoded[[]sqlplan.Finding](t, got) {
			found[one.Code] = one
		}
		require.Equal(t, "vouchers", found[sqlplan.FindingUnplannedTable].Table)
		require.Equal(t, sqlplan.SeverityRefuse, found[sqlplan.FindingUnindexedKey].Severity)
		inOneLine(t, p.command("preview", "--plan", p.plan, "--tenant", "rye"), app.ExitConflict, "refuse orders; decide vouchers")
		indexes := p.command("indexes", "--plan", p.plan)
		require.Equal(t, found[sqlplan.FindingUnindexedKey].WayOut+";\n", indexes.out)
		require.Contains(t, indexes.out, `CREATE INDEX CONCURRENTLY ON "public"."orders" ("shop")`)
		p.exec(indexes.out)
		require.Equal(t, ran{app.ExitDone, "", "nothing to do: no index is missing\n"}, p.command("indexes", "--plan", p.plan))
	})
	t.Run("a file that cannot be read is told line by line, and the first mistake in the error", func(t *testing.T) {
		t.Parallel()
		p := newPlanned(t, shop)
		p.generate()
		p.edit("orders: {by: shop}", "orders: {bye: shop}")
		got := p.command("check", "--plan", p.plan)
		require.Equal(t, app.ExitUsage, got.code)
		require.Len(t, lines(got.err), 4)
		require.Contains(t, lines(got.err)[1], "orders: {bye: shop}")
		require.Equal(t, strings.Index(lines(got.err)[1], "bye"), strings.Index(lines(got.err)[2], "^"))
		require.Contains(t, lines(got.err)[3], "--plan: ")
	})
}

func TestPlanPreview(t *testing.T) {
	t.Parallel()
	p := newPlanned(t, shop)
	p.generate()
	inOneLine(t, p.command("preview", "--plan", p.plan, "--tenant", "rye"), app.ExitConflict, "1 to decide: colours")
	p.decide()
	got := p.command("preview", "--plan", p.plan, "--tenant", "rye", "-o", "json")
	require.Equal(t, app.ExitDone, got.code, got.err)
	preview := decoded[events.Preview](t, got)
	require.Equal(t, map[string]int64{"shops": 1, "orders": 2, "lines": 2}, map[string]int64(preview.Counts))
	require.Equal(t, map[string]string{"colours": "of all shops"}, preview.Kept)
	table := p.command("preview", "--plan", p.plan, "--tenant", "rye")
	require.Contains(t, table.out, "5 rows of rye would go")
	require.Regexp(t, `(?m)^colours +of all shops$`, table.out)
	nobody := decoded[events.Preview](t, p.command("preview", "--plan", p.plan, "--tenant", "oat", "-o", "json"))
	require.Zero(t, nobody.Total())
}

func TestPlanFence(t *testing.T) {
	t.Parallel()
	p := newPlanned(t, shop)
	p.generate()
	inOneLine(t, p.command("fence", "--plan", p.plan), app.ExitConflict, "participant --plan FILE --migrate")
	require.NoError(t, migrations.Apply(t.Context(), p.dsn, app.PlanLines(p.file())...))
	got := p.command("fence", "--plan", p.plan)
	require.Equal(t, app.ExitDone, got.code, got.err)
	p.exec(strings.ReplaceAll(got.out, "CONCURRENTLY ", "")) // in one transaction here
	require.Equal(t, ran{app.ExitDone, "", "nothing to do: every table that can be fenced is\n"},
		p.command("fence", "--plan", p.plan))
	p.decide()
	require.Equal(t, ran{app.ExitDone, "", "nothing to mend, nothing to decide\n"},
		p.command("check", "--plan", p.plan, "--fail-on", "warn"))
}

func TestPlanCommandsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "plan.yaml")
	writeFile(t, good, "participant: shop\nhome: h\nschemas: public\ntenant: {root: a.id, type: text}\ntables:\n  a: {by: id}\n")
	for claim, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no plan":             {[]string{"check"}, app.ExitUsage, "--plan"},
		"a plan that is gone": {[]string{"check", "--plan", good + ".not"}, app.ExitUsage, "--plan"},
		"no database":         {[]string{"check", "--plan", good}, app.ExitUsage, "DATABASE_URL"},
		"a gravity that is none": {[]string{"check", "--plan", good, "--fail-on", "info", "--database", noPostgres},
			app.ExitUsage, "refuse, decide, warn"},
		"a dead database": {[]string{"check", "--plan", good, "--database", noPostgres}, app.ExitUnreachable, "does not answer"},
		"a DSN that is none": {[]string{"check", "--plan", good, "--database", "postgres://:oven-secret@h:x/"}, app.ExitUsage,
			"--database"},
		"no tenant":             {[]string{"preview", "--plan", good}, app.ExitUsage, "--tenant"},
		"a tenant that is none": {[]string{"preview", "--plan", good, "--tenant", "' OR 1=1"}, app.ExitUsage, "--tenant"},
		"no root":               {[]string{"generate", "--database", noPostgres}, app.ExitUsage, "--tenant-root"},
	} {
		t.Run(claim+" is said in one line", func(t *testing.T) {
			t.Parallel()
			got := run(t.Context(), t, append([]string{"plan"}, c.args...)...)
			inOneLine(t, got, c.code, c.says)
			require.NotContains(t, got.err, "oven-secret")
		})
	}
	t.Run("rights are those of the plan's tables alone, quoted", func(t *testing.T) {
		t.Parallel()
		plan := filepath.Join(t.TempDir(), "plan.yaml")
		writeFile(t, plan, "participant: shop\nhome: h\nschemas: [public, o'b]\ntenant: {root: a.id, type: text}\ntables:\n"+
			"  a: {by: id}\n  'o''b.\"x.y\"\"z\"': {by: id, accept_actions: {k: r}}\n  kept: {keep: r}\n  open: {decide: r}\n")
		got := run(t.Context(), t, "plan", "grants", "--plan", plan, "--role", `r"x`)
		require.Equal(t, ran{app.ExitDone, `CREATE SCHEMA IF NOT EXISTS "h" AUTHORIZATION "r""x";
GRANT USAGE ON SCHEMA "public" TO "r""x";
GRANT USAGE ON SCHEMA "o'b" TO "r""x";
GRANT SELECT, DELETE ON "public"."a" TO "r""x";
GRANT SELECT, UPDATE, DELETE ON "o'b"."x.y""z" TO "r""x";
`, ""}, got)
	})
	t.Run("the schema is printed as it is", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, string(yamlplan.Schema), run(t.Context(), t, "plan", "schema").out)
	})
}
