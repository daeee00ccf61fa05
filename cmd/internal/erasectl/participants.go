package erasectl

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

const participantsPath = "/api/v1/participants"

// participants reads who must take part.
func (a *api) participants(ctx context.Context) ([]httpapi.Participant, error) {
	var answer httpapi.Participants
	_, _, err := a.do(ctx, call{path: participantsPath}, &answer)
	return answer.Participants, err
}

func (k *console) participantsCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "participants", Short: "List who must take part in deletions",
		Long: `List the roster: who must take part in new jobs, in which wave, whether an instance answers now, and in how many jobs its
part is failed. A participant that is silent holds every job that needs it.`,
		Example: `  erasectl participants
  erasectl participants list -o json`})
	show := k.run(func(c *cobra.Command, _ []string) error {
		a, err := k.client()
		if err != nil {
			return err
		}
		all, err := a.participants(c.Context())
		if err != nil {
			return err
		}
		return k.showParticipants(all)
	})
	c.RunE = show
	c.AddCommand(&cobra.Command{Use: "list", Short: "List who must take part in deletions", Long: c.Long,
		Example: "  erasectl participants list\n  erasectl participants list -o jsonl", Args: exactly(), RunE: show})
	return c
}

func (k *console) showParticipants(all []httpapi.Participant) error {
	const none = "nobody must take part: every request is refused; erasectl roster set names participants"
	return showAll(k, all, none, func(p *paper) {
		c := columns{headers: []string{"participant", "wave", "state", "version", "failed jobs"},
			numeric: []string{"wave", "failed jobs"}}
		for i := range all {
			one := &all[i]
			state := map[bool]string{true: "live", false: "silent"}[one.Live]
			c.row(string(one.Participant), fmt.Sprint(one.Wave), state, one.Version, strconv.Itoa(one.Failed))
		}
		p.table(c)
	})
}

func (k *console) rosterCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "roster", Short: "Change who must take part in deletions",
		Long: `The roster names the participants that must take part in new jobs. Jobs that have begun keep the one they began with.
erasectl participants lists it.`,
		Example: `  erasectl roster set orders:1,pos:1,tenants:2`})
	c.AddCommand(k.rosterSet())
	return c
}

func (k *console) rosterSet() *cobra.Command {
	c := &cobra.Command{Use: "set NAME:WAVE,...", Short: "Replace the roster",
		Long: `Replace who must take part in new jobs. Waves run one after the other, from 1; the tenant service is last.

A participant that leaves the roster is not asked any more: what it has of a tenant stays, and nobody counts it. So the
names that leave must be confirmed: typed, or with --confirm, separated by commas.`,
		Example: `  erasectl roster set orders:1,pos:1,tenants:2
  erasectl roster set orders:1,tenants:2 --confirm pos`,
		Args:              exactly(argument{"NAME:WAVE,...", func(text string) error { _, err := parseRoster(text); return err }}),
		ValidArgsFunction: cobra.NoFileCompletions}
	guard := addConfirm(c, "the participants that leave, with commas,")
	completeNothing(c, "confirm")
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		entries, err := parseRoster(args[0])
		if err != nil {
			return err
		}
		a, err := k.client()
		if err != nil {
			return err
		}
		now, err := a.participants(c.Context())
		if err != nil {
			return err
		}
		if leaving := leave(now, entries); leaving != "" {
			question := leaving + " would not be asked any more: what they have of a tenant would stay."
			if err := guard.ask(c.Context(), k, leaving, question); err != nil {
				return err
			}
		}
		var answer httpapi.Participants
		put := call{method: http.MethodPut, path: participantsPath, body: httpapi.Roster{Roster: entries}}
		_, _, err = a.do(c.Context(), put, &answer)
		if err != nil {
			return err
		}
		return k.showParticipants(answer.Participants)
	})
	return c
}

// leave are the names that are on the roster now and would not be, with commas.
func leave(now []httpapi.Participant, entries []httpapi.RosterEntry) string {
	var names []string
	for i := range now {
		stays := slices.ContainsFunc(entries, func(e httpapi.RosterEntry) bool { return e.Participant == now[i].Participant })
		if !stays {
			names = append(names, string(now[i].Participant))
		}
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// parseRoster reads name:wave pairs, separated by commas.
func parseRoster(text string) (entries []httpapi.RosterEntry, err error) {
	for part := range strings.SplitSeq(text, ",") {
		name, wave, _ := strings.Cut(strings.TrimSpace(part), ":")
		p, err := events.ParseParticipant(name)
		n, notNumber := strconv.Atoi(wave)
		if cmp.Or(err, notNumber) != nil || n < 1 {
			return nil, app.Usage("entry %d: want a name and a wave of 1 or more, like orders:1", len(entries)+1)
		}
		if slices.ContainsFunc(entries, func(e httpapi.RosterEntry) bool { return e.Participant == p }) {
			return nil, app.Usage("entry %d: the name stands there twice", len(entries)+1)
		}
		entries = append(entries, httpapi.RosterEntry{Participant: p, Wave: n})
	}
	return entries, nil
}
