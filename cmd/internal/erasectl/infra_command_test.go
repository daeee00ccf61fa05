package erasectl

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
)

func TestNATSCommands(t *testing.T) {
	t.Parallel()

	t.Run("diff tells every difference and exits with 5, apply settles it, then both are silent", func(t *testing.T) {
		t.Parallel()
		at := []string{"--nats-url", startNATS(t), "--participants", "orders,tenants", "--downstream", "billing=now"}
		diff := run(t.Context(), t, append([]string{"nats", "diff", "-o", "jsonl"}, at...)...)
		require.Equal(t, app.ExitConflict, diff.code, diff.err)
		require.Len(t, lines(diff.err), 1)
		apply := run(t.Context(), t, append([]string{"nats", "apply", "-o", "jsonl"}, at...)...)
		require.Equal(t, app.ExitDone, apply.code, apply.err)
		require.Equal(t, diff.out, apply.out)
		require.Contains(t, apply.out, `"consumer TD_EVENTS/downstream_billing"`)
		again := run(t.Context(), t, append([]string{"nats", "apply"}, at...)...)
		require.Equal(t, ran{app.ExitDone, "", "nothing to change: the broker is as the definitions say\n"}, again)
		settled := run(t.Context(), t, append([]string{"nats", "diff", "-o", "json"}, at...)...)
		require.Equal(t, ran{app.ExitDone, "[]\n", ""}, settled)
	})
	t.Run("what cannot be changed live is refused with its way out, and nothing is changed", func(t *testing.T) {
		t.Parallel()
		url := startNATS(t)
		js := streams(t, url)
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: events.StreamIntake, Retention: jetstream.LimitsPolicy,
			Subjects: []string{"tenant.deletion.submitted.*"}})
		require.NoError(t, err)
		apply := run(t.Context(), t, "nats", "apply", "--nats-url", url)
		require.Equal(t, app.ExitConflict, apply.code)
		require.Len(t, lines(apply.err), 1)
		require.Contains(t, apply.err, "nats stream backup")
		_, err = js.Stream(t.Context(), events.StreamEvents)
		require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
	})
	t.Run("the roster is the stored one, and a database that cannot tell is an error", func(t *testing.T) {
		t.Parallel()
		url, dsn := startNATS(t), pgtest.New(t, migrations.Coordinator()).AdminDSN()
		reference := run(t.Context(), t, "nats", "diff", "--nats-url", url, "--database-url", dsn)
		require.Contains(t, reference.out, "TD_EVENTS/alert_processor", "none is stored yet")
		db, err := dialPostgres(t.Context(), dsn)
		require.NoError(t, err)
		defer db.Close()
		cellar := []saga.RosterEntry{{Participant: "cellar", Wave: 1}}
		require.NoError(t, pgstore.New(db, pgstore.Config{}).SetRoster(t.Context(), cellar))
		stored := run(t.Context(), t, "nats", "diff", "--nats-url", url, "--database-url", dsn)
		require.Contains(t, stored.out, "TD_EVENTS/cellar")
		require.NotContains(t, stored.out, "alert_processor")
		empty := run(t.Context(), t, "nats", "apply", "--nats-url", url, "--database-url", pgtest.New(t).AdminDSN())
		require.Equal(t, app.ExitConflict, empty.code)
		require.Len(t, lines(empty.err), 1)
		require.Contains(t, empty.err, "erasectl migrate up")
	})
	t.Run("a broker without JetStream is said to be one", func(t *testing.T) {
		t.Parallel()
		diff := run(t.Context(), t, "nats", "diff", "--nats-url", plainNATS(t))
		require.Equal(t, app.ExitConflict, diff.code)
		require.Len(t, lines(diff.err), 1)
		require.Contains(t, diff.err, "JetStream")
	})
}

func TestMigrateCommands(t *testing.T) {
	t.Parallel()

	t.Run("status lists what is pending, up lays it, then status lists it as applied", func(t *testing.T) {
		t.Parallel()
		dsn := pgtest.New(t).AdminDSN()
		before := run(t.Context(), t, "migrate", "status", "--database-url", dsn)
		require.Equal(t, app.ExitDone, before.code, before.err)
		require.Contains(t, before.out, "pending")
		up := run(t.Context(), t, "migrate", "up", "--database-url", dsn, "-o", "json")
		require.Equal(t, app.ExitDone, up.code, up.err)
		var laid []migration
		require.NoError(t, json.Unmarshal([]byte(up.out), &laid))
		require.Len(t, laid, len(lines(before.out))-1, "all that was pending; a line is the header")
		again := run(t.Context(), t, "migrate", "up", "--database-url", dsn, "-o", "json")
		require.Equal(t, ran{app.ExitDone, "[]\n", ""}, again)
		after := run(t.Context(), t, "migrate", "status", "--database-url", dsn)
		require.NotContains(t, after.out, "pending")
		require.Contains(t, after.out, "applied")
	})
	t.Run("lines are laid into the schema that is named, with what they stand on", func(t *testing.T) {
		t.Parallel()
		dsn := pgtest.New(t).AdminDSN()
		require.Zero(t, run(t.Context(), t, "migrate", "up", "--database-url", dsn, "--line", "bakery:orders").code)
		require.Zero(t, run(t.Context(), t, "migrate", "up", "--database-url", dsn, "--line", "participant", "--schema", "shop").code)
		status := run(t.Context(), t, "migrate", "status", "--database-url", dsn, "-o", "jsonl")
		var schemas []string
		for _, line := range lines(status.out) {
			var m migration
			require.NoError(t, json.Unmarshal([]byte(line), &m))
			if m.Is == "applied" {
				schemas = append(schemas, m.Line+"@"+m.Schema)
			}
		}
		require.Subset(t, schemas, []string{"participant@orders", "bakery@orders", "participant@shop"})
	})
}

func TestDoctorCommand(t *testing.T) {
	t.Parallel()

	t.Run("prints a row for each check in every form, and exits with 1 when one fails", func(t *testing.T) {
		t.Parallel()
		args := []string{"doctor", "--api", "http://127.0.0.1:1", "--nats-url", noNATS, "--database-url", noPostgres}
		table := run(t.Context(), t, args...)
		require.Equal(t, app.ExitFailed, table.code)
		require.Len(t, lines(table.err), 1)
		require.Contains(t, table.err, "not in order: API alive, API ready, NATS, PostgreSQL")
		require.NotContains(t, table.out+table.err, "oven-secret")
		require.NotContains(t, table.out, "\x1b")
		checks := len((&doctor{}).checks())
		require.Len(t, lines(table.out), checks+1)

		var rows []finding
		require.NoError(t, json.Unmarshal([]byte(run(t.Context(), t, append(args, "-o", "json")...).out), &rows))
		require.Len(t, rows, checks)
		for _, row := range rows {
			if row.Health == healthFail {
				require.NotContains(t, row.What, "correct --", "the way out stands in its own column")
				require.NotEmpty(t, row.WayOut)
			}
		}
		require.Len(t, lines(run(t.Context(), t, append(args, "-o", "jsonl")...).out), checks)
		var asYAML []map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(run(t.Context(), t, append(args, "-o", "yaml")...).out), &asYAML))
		require.Len(t, asYAML, checks)
	})
	t.Run("exits with 0 when the worst is a warning", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, verdict([]finding{{Health: healthWarn}, {Health: healthSkipped}, {Health: healthOK}}))
		require.ErrorContains(t, verdict([]finding{{Health: healthOK}, {Check: "clock", Health: healthFail}}), "clock")
	})
}

func TestEventCommands(t *testing.T) {
	t.Parallel()

	t.Run("what trigger sends is what tail shows", func(t *testing.T) {
		t.Parallel()
		url, _ := provisioned(t)
		for _, kind := range sampled {
			trigger := run(t.Context(), t, "events", "trigger", kind, "--tenant", "test-bread", "--nats-url", url, "-o", "json")
			require.Equal(t, app.ExitDone, trigger.code, trigger.err)
			var done sent
			require.NoError(t, json.Unmarshal([]byte(trigger.out), &done))
			if events.StreamOf(done.Type) != events.StreamEvents {
				continue
			}
			args := []string{"events", "tail", "--nats-url", url, "--since", "1h", "--type", kind, "--limit", "1", "--stream"}
			tail := run(t.Context(), t, append(args, "-o", "jsonl")...)
			require.Equal(t, app.ExitDone, tail.code, tail.err)
			require.Len(t, lines(tail.out), 1)
			e, err := events.Decode(events.Message{Subject: done.Subject, Body: []byte(tail.out)})
			require.NoError(t, err)
			require.Equal(t, done.ID, e.ID)
			people := run(t.Context(), t, args...)
			require.Len(t, lines(people.out), 1)
			require.Contains(t, people.out, "test-bread")
		}
	})
	t.Run("a sample is signed by the seed that is given", func(t *testing.T) {
		t.Parallel()
		url, b := provisioned(t)
		seed := writeSeed(t, 0o600)
		trigger := run(t.Context(), t, "events", "trigger", "--tenant", "test-bread", "--nats-url", url, "--signing-seed-file", seed)
		require.Equal(t, app.ExitDone, trigger.code, trigger.err)
		stored, err := b.Last(t.Context(), events.StreamEvents, "tenant.deleted.test-bread")
		require.NoError(t, err)
		signer, err := app.LoadSigner(seed)
		require.NoError(t, err)
		require.NoError(t, events.Verify(stored.Message, signer.PublicKey()))
		open := run(t.Context(), t, "events", "trigger", "--tenant", "test-bread", "--nats-url", url,
			"--signing-seed-file", writeSeed(t, 0o640))
		require.Equal(t, app.ExitUsage, open.code)
		require.Contains(t, open.err, "chmod 600")
	})
	t.Run("tail ends with 0 when it is interrupted", func(t *testing.T) {
		t.Parallel()
		url, _ := provisioned(t)
		ctx, cancel := context.WithCancel(t.Context())
		k, shown := newConsole(), make(chan struct{})
		k.getenv = func(string) string { return "" }
		root := k.root()
		root.SetArgs([]string{"events", "tail", "--nats-url", url, "-o", "jsonl", "--since", "1h"})
		root.SetOut(writerFunc(func(p []byte) { close(shown) }))
		root.SetErr(io.Discard)
		publishSample(t, url, events.TypeDeleted)
		go func() {
			<-shown
			cancel()
		}()
		require.NoError(t, root.ExecuteContext(ctx))
	})
	t.Run("a broker without streams is an error, not a wait", func(t *testing.T) {
		t.Parallel()
		url := startNATS(t)
		tail := run(t.Context(), t, "events", "tail", "--nats-url", url, "-o", "jsonl")
		require.Equal(t, app.ExitConflict, tail.code)
		require.Contains(t, tail.err, "erasectl nats apply")
		trigger := run(t.Context(), t, "events", "trigger", "--nats-url", url, "--tenant", "test-bread", "--timeout", "1s")
		require.Equal(t, app.ExitUnreachable, trigger.code)
		require.Len(t, lines(trigger.err), 1)
	})
}

// writerFunc tells of what is written.
type writerFunc func([]byte)

func (w writerFunc) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

func TestInfraCommandsRefuse(t *testing.T) {
	t.Parallel()
	down := []string{"--nats-url", noNATS, "--database-url", noPostgres}
	cases := map[string]struct {
		args string
		code int
		says string
	}{
		"an argument too many":             {"doctor now", app.ExitUsage, "too many"},
		"nats without a verb":              {"nats", app.ExitUsage, "nats"},
		"an unknown verb":                  {"nats aply", app.ExitUsage, "did you mean apply"},
		"two replicas":                     {"nats apply --replicas 2", app.ExitUsage, "--replicas"},
		"a participant that is none":       {"nats diff --participants Orders", app.ExitUsage, "--participants"},
		"a subscriber's bad start":         {"nats apply --downstream billing=soon", app.ExitUsage, "--downstream"},
		"a subscriber's empty start":       {"nats apply --downstream billing=", app.ExitUsage, "--downstream"},
		"a subscriber's bad name":          {"nats apply --downstream Billing", app.ExitUsage, "--downstream"},
		"a line that is none":              {"migrate up --line cheese", app.ExitUsage, "--line"},
		"a schema without a line":          {"migrate status --schema shop", app.ExitUsage, "--schema"},
		"a sample of a command":            {"events trigger tenant.deletion.requested --tenant test-bread", app.ExitUsage, "command"},
		"a sample of a replay":             {"events trigger tenant.deletion.replayed --tenant test-bread", app.ExitUsage, "command"},
		"a sample of nothing known":        {"events trigger tenant.unheard --tenant test-bread", app.ExitUsage, "must be one of"},
		"a sample for a real tenant":       {"events trigger --tenant bread", app.ExitUsage, "test-"},
		"a sample without a tenant":        {"events trigger", app.ExitUsage, "--tenant"},
		"a sample signed with nothing":     {"events trigger --tenant test-x --signing-seed-file /nowhere", app.ExitUsage, "seed"},
		"a type that is none":              {"events tail --type tenant.unheard", app.ExitUsage, "--type"},
		"a tenant that is none":            {"events tail --tenant a.b", app.ExitUsage, "--tenant"},
		"a time that is none":              {"events tail --since yesterday", app.ExitUsage, "--since"},
		"a limit below zero":               {"events tail --limit -1", app.ExitUsage, "--limit"},
		"stored progress":                  {"events tail --stream --type tenant.deletion.progress", app.ExitUsage, "--stream"},
		"a broker that is down, to diff":   {"nats diff --participants orders", app.ExitUnreachable, "--nats-url"},
		"a database that is down, to diff": {"nats diff", app.ExitUnreachable, "--database-url"},
		"a database that is down, to lay":  {"migrate up", app.ExitUnreachable, "--database-url"},
		"a database that is down, to list": {"migrate status", app.ExitUnreachable, "--database-url"},
		"a broker that is down, to send":   {"events trigger --tenant test-bread", app.ExitUnreachable, "--nats-url"},
		"a broker that is down, to listen": {"events tail", app.ExitUnreachable, "--nats-url"},
	}
	for name, c := range cases {
		t.Run(name+" is refused in one line", func(t *testing.T) {
			t.Parallel()
			got := run(t.Context(), t, append(strings.Fields(c.args), down...)...)
			require.Equal(t, c.code, got.code, got.err)
			require.Empty(t, got.out)
			require.Len(t, lines(got.err), 1, got.err)
			require.Contains(t, got.err, c.says)
			require.NotContains(t, got.err, "oven-secret")
		})
	}
	t.Run("no database is refused with the names of the setting", func(t *testing.T) {
		t.Parallel()
		for _, verb := range []string{"status", "up"} {
			got := run(t.Context(), t, "migrate", verb)
			require.Equal(t, app.ExitUsage, got.code)
			require.Contains(t, got.err, "DATABASE_URL")
		}
	})
	t.Run("addresses that are none are refused without showing them", func(t *testing.T) {
		t.Parallel()
		for _, args := range [][]string{{"nats", "diff", "--participants", "orders", "--nats-url", "nats://a:oven-secret@[::1"},
			{"events", "tail", "--nats-url", "oven-secret"}, {"migrate", "status", "--database-url", "postgres://a:oven-secret@[::1"}} {
			got := run(t.Context(), t, args...)
			require.Equal(t, app.ExitUsage, got.code, args)
			require.NotContains(t, got.err, "oven-secret")
		}
	})
}
