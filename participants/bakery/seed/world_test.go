package seed_test

import (
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
	"github.com/bakery-ia/tenant-deletion/participants/digest"
)

// world is a database with all thirteen schemas and a folder for files.
type world struct {
	database *pgtest.Database
	files    string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	var lines []migrations.Line
	for _, d := range bakery.All() {
		lines = append(lines, migrations.Participant(string(d.Name)), migrations.Bakery(string(d.Name)))
	}
	return &world{database: pgtest.New(t, lines...), files: t.TempDir()}
}

func (w *world) target() seed.Target {
	return seed.Target{DSN: func(name events.Participant) string { return w.database.DSN(string(name)) }}
}

func (w *world) options(seedValue int64, tenants ...events.TenantID) seed.Options {
	return seed.Options{Tenants: tenants, Profile: seed.ProfileTiny, Seed: seedValue, FilesRoot: w.files}
}

func (w *world) generate(t testing.TB, opts seed.Options) *seed.Report {
	t.Helper()
	report, err := seed.Generate(t.Context(), w.target(), opts)
	require.NoError(t, err)
	return report
}

func (w *world) open(t testing.TB, name events.Participant) *bun.DB {
	t.Helper()
	db, err := pgpool.Open(w.database.DSN(string(name)), pgpool.Config{Name: string(name), Schema: string(name)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func (w *world) service(t testing.TB, name events.Participant) *participants.Runner {
	t.Helper()
	declared, err := bakery.ByName(string(name))
	require.NoError(t, err)
	service, err := declared.Service(w.open(t, name), bakery.Config{FilesRoot: w.files})
	require.NoError(t, err)
	runner, err := participants.New(service, nil, participants.Config{})
	require.NoError(t, err)
	return runner
}

// digests cover a service's tables without the tenant's rows.
func (w *world) digests(t testing.TB, name events.Participant, except events.TenantID) digest.Digests {
	t.Helper()
	scope := digest.Scope{Schema: string(name), Except: except}
	if name == "tenants" {
		scope.Columns = map[string]string{"tenants": "id"}
	}
	d, err := digest.Of(t.Context(), w.open(t, name).DB, scope)
	require.NoError(t, err)
	return d
}

// contents are the files below the root, by path.
func (w *world) contents(t testing.TB, below string) map[string]string {
	t.Helper()
	found := map[string]string{}
	root := os.DirFS(w.files)
	require.NoError(t, fs.WalkDir(root, below, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, path)
		found[path] = string(content)
		return err
	}))
	return found
}

// erase deletes the tenant from one service and returns what its receipt counts.
func (w *world) erase(t testing.TB, name events.Participant, tenant events.TenantID) participants.Counts {
	t.Helper()
	command := &events.Command{JobID: events.NewJobID(), TenantID: tenant, Generation: 1, Wave: 1, Attempt: 1,
		Participants: []events.Participant{name}, Reason: "contract_ended"}
	result, err := w.service(t, name).Erase(t.Context(), command, "test")
	require.NoError(t, err)
	require.True(t, result.Success, "%s: %v", name, result.Errors)
	return result.DeletedCounts
}

func (w *world) count(t testing.TB, name events.Participant, query string) (n int) {
	t.Helper()
	require.NoError(t, w.open(t, name).NewRaw(query).Scan(t.Context(), &n))
	return n
}
