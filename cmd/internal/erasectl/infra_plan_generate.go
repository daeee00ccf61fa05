package erasectl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/yamlplan"
)

// generation are the flags of plan generate.
type generation struct {
	database, participant, home, root, out, update string
	schemas, tenantColumns                         []string
}

func (k *console) planGenerateCommand() *cobra.Command {
	var g generation
	c := &cobra.Command{Use: "generate", Args: exactly(), Short: "Write a plan from the catalogue of a database",
		Long: `Derive what happens to each table from its columns and foreign keys: columns that refer to --tenant-root, or have a name
of --tenant-column, hold a tenant's id; other tables are reached through parents by keys that may not be null. What cannot
be derived is written as decide, with what was seen: nothing is guessed. The database is only read.

The file goes to standard output, or to --out, which is never overwritten. --update takes in what is new, and keeps every
decision and comment of a file.`,
		Example: `  erasectl plan generate --database postgres://user@host:5432/crm --tenant-root organizations.id
  erasectl plan generate --tenant-root billing.accounts.id --schema public --schema billing --tenant-column org_id
  erasectl plan generate --update plan.yaml`}
	f := c.Flags()
	addDatabase(c, &g.database)
	f.StringVar(&g.root, "tenant-root", "", "column that tenants are named by, TABLE.COLUMN or SCHEMA.TABLE.COLUMN")
	f.StringArrayVar(&g.schemas, "schema", nil, "schema to cover, default public; repeatable, the first needs no name in the file")
	f.StringArrayVar(&g.tenantColumns, "tenant-column", nil, "further name of columns that hold a tenant's id; repeatable")
	f.StringVar(&g.participant, "participant", "", "name on the roster, default the database's name")
	f.StringVar(&g.home, "home", "", "schema of receipts and anchors, default tenant_deletion")
	f.StringVar(&g.out, "out", "", "file to write, default standard output")
	f.StringVar(&g.update, "update", "", "file to bring up to date in place, or from which to write --out")
	_ = c.MarkFlagFilename("out", "yaml", "yml")
	_ = c.MarkFlagFilename("update", "yaml", "yml")
	completeNothing(c, "tenant-root", "schema", "tenant-column", "participant", "home")
	c.RunE = k.run(func(c *cobra.Command, _ []string) error { return k.generatePlan(c.Context(), g) })
	return c
}

func (k *console) generatePlan(ctx context.Context, g generation) error {
	ctx, cancel := k.within(ctx)
	defer cancel()
	if g.root == "" && g.update == "" {
		return app.Usage("--tenant-root: missing; the column that tenants are named by, like organizations.id")
	}
	if _, err := os.Lstat(g.out); g.out != "" && err == nil {
		return app.Exit(app.ExitConflict, "--out: %s is there already; --update keeps the decisions that are in it", g.out)
	}
	file, err := k.given(g)
	if err != nil {
		return err
	}
	db, err := k.planDatabase(ctx, g.database, file.Home)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := nameOf(ctx, db, file); err != nil {
		return err
	}
	changes, err := file.Update(ctx, db)
	if err != nil {
		return ofPlan(err)
	}
	text, err := file.Marshal()
	if err != nil {
		return err
	}
	if path := cmp.Or(g.out, g.update); path != "" {
		err = keepWhole(path, text)
	} else {
		err = k.write(text, nil)
	}
	if err != nil {
		return err
	}
	k.tellChanges(file, changes, g)
	return nil
}

// given is the file that is brought up to date, or a new one; flags win over what it says.
func (k *console) given(g generation) (file *yamlplan.File, err error) {
	if g.update == "" {
		file = yamlplan.New()
	} else if file, err = k.readPlan(g.update); err != nil {
		return nil, err
	}
	file.Participant = events.Participant(cmp.Or(g.participant, string(file.Participant)))
	file.Home = cmp.Or(g.home, file.Home)
	file.Tenant.Root = cmp.Or(g.root, file.Tenant.Root)
	if len(g.schemas) > 0 {
		file.Schemas = g.schemas
	}
	if len(g.tenantColumns) > 0 {
		file.Tenant.Columns = g.tenantColumns
	}
	return file, nil
}

// nameOf calls a participant after its database when nobody named it.
func nameOf(ctx context.Context, db *bun.DB, file *yamlplan.File) error {
	if file.Participant == "" {
		if err := db.QueryRowContext(ctx, "SELECT current_database()").Scan(&file.Participant); err != nil {
			return fmt.Errorf("name of the database: %w", err)
		}
	}
	if _, err := events.ParseParticipant(string(file.Participant)); err != nil {
		return app.Usage("--participant: want the name on the roster: %w", err)
	}
	return nil
}

// tellChanges says on standard error what was written and what waits for a person.
func (k *console) tellChanges(file *yamlplan.File, c yamlplan.Changes, g generation) {
	k.say("%s: %s, %d to decide", cmp.Or(g.out, g.update, "plan"), plural(len(file.Tables), "table"), len(c.Undecided))
	if g.update != "" && len(c.Added) > 0 {
		k.say("new: %s", strings.Join(c.Added, ", "))
	}
	if len(c.Undecided) > 0 {
		k.say("to decide: %s", strings.Join(c.Undecided, ", "))
	}
	if len(c.Gone) > 0 {
		k.say("no longer in the database, remove their lines: %s", strings.Join(c.Gone, ", "))
	}
}

// keepWhole writes a file as a whole or not at all; one that is there keeps its mode.
func keepWhole(path string, text []byte) (err error) {
	mode := fs.FileMode(0o644)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // a link to the file stays one
	}
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".plan-*")
	if err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}
