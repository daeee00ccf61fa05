package erasectl

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// topology are the flags of nats apply and diff.
type topology struct {
	downstream   []string
	participants []string
	replicas     int
}

// change is one difference between the broker and the files.
type change struct {
	Asset string `json:"asset"`
	// Field is empty when the whole asset is missing.
	Field string `json:"field,omitempty"`
	Have  string `json:"have,omitempty"`
	Want  string `json:"want,omitempty"`
}

func (k *console) natsCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "nats", Short: "Run the broker, say who may use it, and bring its streams to the definitions",
		Long: `Streams and consumers are defined by files inside this program. diff tells how the broker differs from them; apply
brings the broker to them. Neither deletes a stream, a consumer or a message.

keys and accounts say who may do what on the broker; serve runs one node of it, cluster three on this machine.`,
		Example: `  erasectl nats diff
  erasectl nats apply --replicas 3 --downstream billing=now
  erasectl nats keys --dir ./nats
  erasectl nats accounts --dir ./nats --to ./accounts.conf
  erasectl nats cluster`})
	c.AddCommand(k.natsDiffCommand(), k.natsApplyCommand(), k.natsKeysCommand(), k.natsAccountsCommand(), k.natsServeCommand(),
		k.natsClusterCommand())
	return c
}

func (k *console) natsDiffCommand() *cobra.Command {
	var t topology
	c := &cobra.Command{Use: "diff", Args: exactly(), Short: "Tell how the broker differs from the definitions, and change nothing",
		Long: `Tells each stream and consumer that is missing and each setting that differs. Without --participants the roster is
the stored one when --database-url is given, else that of the reference platform.

Exit code 5 says that there are differences.`,
		Example: `  erasectl nats diff --nats-url nats://127.0.0.1:4222
  erasectl nats diff --participants orders,tenants --downstream billing
  erasectl nats diff --replicas 3 -o json`}
	t.addTo(k, c)
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		changes, err := k.settle(c.Context(), t, natsdeploy.Diff)
		if err != nil {
			return err
		}
		if err := k.showChanges(changes, "the broker is as the definitions say"); err != nil || len(changes) == 0 {
			return err
		}
		return app.Exit(app.ExitConflict, "the broker differs in %s; erasectl nats apply settles what can be settled live",
			plural(len(changes), "place"))
	})
	return c
}

func (k *console) natsApplyCommand() *cobra.Command {
	var t topology
	c := &cobra.Command{Use: "apply", Args: exactly(), Short: "Bring the broker to the definitions",
		Long: `Makes the streams and consumers that are missing and changes the settings that differ. It is safe to call again.
When one of the changes cannot be done live, nothing is changed, and the error says the way out (exit code 5).

--downstream names a subscriber of tenant.deleted that must hear of every deletion. A new one begins with the oldest event
that is kept, or with =now, =begin or a time; one that is there keeps its place.`,
		Example: `  erasectl nats apply --nats-url nats://127.0.0.1:4222
  erasectl nats apply --participants orders,tenants --replicas 3
  erasectl nats apply --downstream billing --downstream search=2026-11-01T00:00:00Z`}
	t.addTo(k, c)
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		changes, err := k.settle(c.Context(), t, natsdeploy.Apply)
		if err != nil {
			return err
		}
		return k.showChanges(changes, "nothing to change: the broker is as the definitions say")
	})
	return c
}

func (t *topology) addTo(k *console, c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&t.downstream, "downstream", nil,
		"subscriber of tenant.deleted, as NAME or NAME=now|begin|TIME (RFC 3339); repeatable")
	f.StringSliceVar(&t.participants, "participants", nil,
		"participants, comma separated, default the stored roster (with --database-url) or the reference platform's")
	f.IntVar(&t.replicas, "replicas", 0, "how often each stream is kept, 1 or 3, default 1")
	complete(c, "replicas", fixed([]string{"1", "3"}))
	complete(c, "participants", k.liveParticipants)
	completeNothing(c, "downstream")
}

// settle runs natsdeploy.Apply or Diff for the flags, which it checks before anything is connected to.
func (k *console) settle(ctx context.Context, t topology,
	run func(context.Context, jetstream.JetStream, natsdeploy.Topology) ([]natsdeploy.Change, error)) ([]natsdeploy.Change, error) {
	wanted, err := t.parse()
	if err != nil {
		return nil, err
	}
	ctx, cancel := k.within(ctx)
	defer cancel()
	if wanted.Participants == nil {
		if wanted.Participants, err = k.roster(ctx); err != nil {
			return nil, err
		}
	}
	ctx, end, denied := app.Denied(ctx)
	defer end()
	nc, err := dialNATS(ctx, k.broker(), denied)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	js, err := k.nats.NewJetStream(nc)
	if err != nil {
		return nil, err
	}
	changes, err := run(ctx, js, wanted)
	return changes, ofBroker(app.CauseOf(ctx, err))
}

// ofBroker gives an error of JetStream its exit code and its way out.
func ofBroker(err error) error {
	var live *natsdeploy.LiveError
	switch {
	case errors.Is(err, bus.ErrPermission):
		return app.Exit(app.ExitAuth, "%w; nats apply and diff need the provisioner's seed (--nats-seed-file) and "+
			"--nats-api-prefix %s", err, natsdeploy.APIPrefix)
	case errors.As(err, &live):
		return app.Exit(app.ExitConflict, "%w", live)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
		errors.Is(err, nats.ErrNoResponders):
		return app.Exit(app.ExitConflict, "NATS runs without JetStream: switch it on in the server's configuration (%w)", err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return app.Unreachable("JetStream does not answer in time (%w); look at the server's log, or give --timeout more", err)
	}
	return err
}

func (k *console) showChanges(changes []natsdeploy.Change, none string) error {
	all := make([]change, len(changes))
	cols := columns{headers: []string{"asset", "change", "have", "want"}}
	for i, c := range changes {
		all[i] = change(c)
		cols.row(c.Asset, cmp.Or(c.Field, "create"), c.Have, c.Want)
	}
	return showAll(k, all, none, func(p *paper) { p.table(cols) })
}

// parse checks the flags.
func (t topology) parse() (natsdeploy.Topology, error) {
	wanted := natsdeploy.Topology{Replicas: t.replicas}
	if t.replicas != 0 && t.replicas != 1 && t.replicas != 3 {
		return wanted, app.Usage("--replicas: must be 1 or 3")
	}
	for _, text := range t.participants {
		p, err := events.ParseParticipant(strings.TrimSpace(text))
		if err != nil {
			return wanted, app.Usage("--participants: %w", err)
		}
		wanted.Participants = append(wanted.Participants, p)
	}
	for _, text := range t.downstream {
		name, from, given := strings.Cut(text, "=")
		start, err := natsdeploy.ParseStart(from)
		if err != nil || given && from == "" {
			return wanted, app.Usage("--downstream: want NAME, NAME=now, NAME=begin or NAME=TIME, like billing=2026-11-01T00:00:00Z")
		}
		wanted.Downstream = append(wanted.Downstream, natsdeploy.Subscriber{Name: name, From: start})
	}
	if _, err := natsdeploy.Define(wanted); err != nil {
		return wanted, app.Usage("--downstream: %w", err)
	}
	return wanted, nil
}

// broker is the address of NATS; the default is that of every program here.
func (k *console) broker() broker { return broker{cmp.Or(k.natsURL, nats.DefaultURL), k.nats} }

// roster is the stored one when there is a database to ask, else the reference platform's. A database that was given and
// cannot tell is an error: with the wrong roster the broker would be brought to something nobody asked for.
func (k *console) roster(ctx context.Context) ([]events.Participant, error) {
	if k.databaseURL == "" {
		return namesOf(app.ReferenceRoster()), nil
	}
	db, err := dialPostgres(ctx, k.databaseURL)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	names, err := storedRoster(ctx, db)
	if err != nil {
		return nil, app.Exit(app.ExitConflict, "--database-url: no roster (%w); %s, or name --participants", err, noTables)
	}
	if len(names) == 0 {
		return namesOf(app.ReferenceRoster()), nil // what a coordinator takes at its first start
	}
	return names, nil
}
