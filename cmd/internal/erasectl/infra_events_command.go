package erasectl

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

func (k *console) eventsTailCommand() *cobra.Command {
	var kinds []string
	var tenant, since string
	var f tailed
	c := &cobra.Command{Use: "tail", Args: exactly(), Short: "Show the events on the wire as they come, until Ctrl-C",
		Long: `Shows every event of every deletion as it is sent. With --since it begins with what the stream has kept since then, at
most 90 days. Requests (tenant.deletion.submitted) and progress are shown only while they are sent.

With -o json or jsonl each line is an event as it was received. Ctrl-C ends it with exit code 0.`,
		Example: `  erasectl events tail
  erasectl events tail --type tenant.deleted --since 24h -o jsonl
  erasectl events tail --tenant 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 --stream`}
	fs := c.Flags()
	fs.StringSliceVar(&kinds, "type", nil, "only events of this type; repeatable")
	fs.StringVar(&tenant, "tenant", "", "only events of this tenant")
	fs.StringVar(&since, "since", "", "begin with what was sent since, as a time, a day or a distance like 2h")
	fs.BoolVar(&f.storedOnly, "stream", false, "only what streams store, which leaves progress out")
	fs.IntVar(&f.limit, "limit", 0, "end after so many events, default never")
	complete(c, "type", fixed(wire))
	complete(c, "tenant", k.liveTenants)
	completeNothing(c, "since", "limit")
	c.RunE = k.run(func(c *cobra.Command, _ []string) (err error) {
		if err := f.parse(kinds, tenant, since, k.now()); err != nil {
			return err
		}
		b, err := openBus(c.Context(), k.broker())
		if err != nil {
			return err
		}
		defer b.Close()
		if k.output == outputTable {
			k.say("listening at %s; Ctrl-C ends it", redacted(k.broker().url))
		}
		return f.follow(c.Context(), b, k.showEvent)
	})
	return c
}

func typeNames() []string {
	names := make([]string, len(wire))
	for i, t := range wire {
		names[i] = string(t)
	}
	return names
}

// parse checks the flags.
func (f *tailed) parse(kinds []string, tenant, since string, now time.Time) (err error) {
	for _, kind := range kinds {
		if !slices.Contains(wire, events.Type(kind)) {
			return app.Usage("--type: must be one of %s", strings.Join(typeNames(), ", "))
		}
		f.types = append(f.types, events.Type(kind))
	}
	if tenant != "" {
		if f.tenant, err = events.ParseTenantID(tenant); err != nil {
			return app.Usage("--tenant: %w", err)
		}
	}
	if since != "" {
		if f.since, err = parseMoment("since", since, now, -1); err != nil {
			return err
		}
	}
	if f.limit < 0 {
		return app.Usage("--limit: must be 1 or more")
	}
	if f.storedOnly && len(f.types) == 1 && f.types[0] == events.TypeProgress {
		return app.Usage("--stream: no stream stores %s", events.TypeProgress)
	}
	return nil
}

// showEvent prints one event: as it was received where programs read, as a line where people do.
func (k *console) showEvent(m bus.Stored) error {
	if k.output != outputTable {
		var body bytes.Buffer
		if err := json.Compact(&body, m.Body); err != nil {
			k.say("on %s: a message that is no JSON, left out", m.Subject)
			return nil
		}
		return k.emit(json.RawMessage(body.Bytes()), nil)
	}
	h := hear(m.Message, m.StoredAt)
	at := h.at.Local().Format("15:04:05.000")
	if k.timeForm == timeISO {
		at = h.at.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	// Lines of a stream that never ends have no table around them: the columns' widths are those of the usual names.
	return k.emit(nil, func(p *paper) { p.text.WriteString(h.line(at) + "\n") })
}

// line is one line of events tail.
func (h heard) line(at string) string {
	text := fmt.Sprintf("%s  %-25s  %-24s  %-15s  %s", at, h.kind, h.tenant, cmp.Or(h.participant, "-"), h.summary)
	return strings.TrimRight(text, " ")
}

func (k *console) eventsTriggerCommand() *cobra.Command {
	var tenant, participant, seedFile string
	c := &cobra.Command{Use: "trigger [TYPE]", Short: "Send a made-up event, to try a subscriber on a developer's stack",
		Long: `Sends one valid event of a type, default tenant.deleted, of a job that does not exist. The tenant's id must begin with
` + samplePrefix + `, so that no tenant of customers can be named. Commands to delete (tenant.deletion.requested and replayed) are
refused. A sample of tenant.deletion.submitted is a request like any other: a coordinator that hears it makes a job of it.`,
		Example: `  erasectl events trigger --tenant test-bread
  erasectl events trigger tenant.deletion.result --tenant test-bread --participant orders
  erasectl events trigger tenant.deleted --tenant test-bread --signing-seed-file ./signing.seed`,
		Args: between(0, argument{"TYPE", func(string) error { return nil }}), ValidArgsFunction: first(fixed(sampled))}
	f := c.Flags()
	f.StringVar(&tenant, "tenant", "", "tenant that the event names, beginning with "+samplePrefix+"; required")
	f.StringVar(&participant, "participant", "orders", "participant that the event names")
	f.StringVar(&seedFile, "signing-seed-file", "", "sign it with the seed in this file [$SIGNING_SEED_FILE]")
	_ = c.MarkFlagFilename("signing-seed-file")
	complete(c, "participant", k.liveParticipants)
	_ = c.RegisterFlagCompletionFunc("tenant", cobra.FixedCompletions([]string{samplePrefix},
		cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		kind := sampled[0]
		if len(args) > 0 {
			kind = args[0]
		}
		t, id, p, err := checkSample(kind, tenant, participant)
		if err != nil {
			return err
		}
		e, err := sample(t, id, p, k.now())
		if err != nil {
			return err
		}
		var signer *events.Signer
		if path := cmp.Or(seedFile, k.getenv("SIGNING_SEED_FILE")); path != "" {
			if signer, err = app.LoadSigner(path); err != nil {
				return app.Usage("--signing-seed-file: %w", err)
			}
		}
		ctx, cancel := k.within(c.Context())
		defer cancel()
		b, err := openBus(ctx, k.broker())
		if err != nil {
			return err
		}
		defer b.Close() // sends what is announced
		done, err := send(ctx, b, e, signer)
		if err != nil {
			return ofPublish(err)
		}
		return k.show(done, func(p *paper) {
			p.fact("subject", done.Subject)
			p.fact("id", string(done.ID))
		})
	})
	return c
}

// ofPublish gives an error of sending its exit code and its way out.
func ofPublish(err error) error {
	if errors.Is(err, bus.ErrPermission) {
		return app.Exit(app.ExitAuth, "%w; use an account that may publish it", err)
	}
	return app.Unreachable("%w; erasectl doctor shows whether the streams are there", err)
}
