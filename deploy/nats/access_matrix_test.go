package natsdeploy_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
)

// may is what a role may do, written down by hand from the measured lists: patterns of subjects.
type may struct{ publish, subscribe []string }

func consumes(api, stream, consumer string) []string {
	own := stream + "." + consumer
	return []string{api + "CONSUMER.INFO." + own, api + "CONSUMER.MSG.NEXT." + own, "$JS.ACK." + own + ".>",
		"$JS.ACK.*.*." + own + ".>"}
}

var service = func(name string) may {
	return may{
		publish: append(consumes("TD.API.", "TD_EVENTS", name), "tenant.deletion.result."+name+".*",
			"tenant.deletion.progress."+name+".*",
			"TD.API.DIRECT.GET.TD_EVENTS.tenant.deletion.result."+name+".*"),
		subscribe: []string{"_INBOX_" + name + ".>", "tenant.deletion.preview." + name, "$SRV.>"},
	}
}

var roles = map[string]may{
	"coordinator": {
		publish: slices.Concat(consumes("$JS.API.", "TD_INTAKE", "coordinator_intake"),
			consumes("$JS.API.", "TD_EVENTS", "coordinator_results"), consumes("$JS.API.", "TD_DEAD", "coordinator_dead"),
			[]string{"tenant.deletion.requested.*", "tenant.deletion.replayed.*.*",
				"tenant.deletion.failed.*", "tenant.deletion.cancelled.*", "tenant.deleted.*", "tenant.deletion.preview.*",
				"$JS.API.STREAM.INFO.TD_EVENTS", "$JS.API.STREAM.INFO.TD_INTAKE", "$JS.API.DIRECT.GET.TD_EVENTS",
				"$JS.API.DIRECT.GET.TD_INTAKE", "$JS.API.DIRECT.GET.TD_EVENTS.>", "$JS.API.DIRECT.GET.TD_INTAKE.>",
				"$JS.API.CONSUMER.INFO.TD_EVENTS.orders", "$JS.API.CONSUMER.INFO.TD_EVENTS.inventory",
				"$JS.API.CONSUMER.PAUSE.TD_EVENTS.orders", "$JS.API.CONSUMER.PAUSE.TD_EVENTS.inventory",
				"$SRV.PING.tenant-deletion-*", "$SRV.INFO.tenant-deletion-*", "$SRV.STATS.tenant-deletion-*"}),
		subscribe: []string{"_INBOX_coordinator.>", "tenant.deletion.progress.*.*"},
	},
	"breakglass": {publish: []string{"$JS.API.>", "$JS.SNAPSHOT.>"}, subscribe: []string{"_INBOX_breakglass.>"}},
	"operator": {
		publish: []string{"TD.API.INFO", "TD.API.STREAM.INFO.*", "TD.API.STREAM.NAMES", "TD.API.STREAM.LIST",
			"TD.API.CONSUMER.INFO.*.*",
			"TD.API.CONSUMER.NAMES.*", "TD.API.CONSUMER.LIST.*", "TD.API.DIRECT.GET.TD_INTAKE", "TD.API.DIRECT.GET.TD_EVENTS",
			"TD.API.DIRECT.GET.TD_DEAD", "TD.API.DIRECT.GET.TD_INTAKE.>", "TD.API.DIRECT.GET.TD_EVENTS.>", "TD.API.DIRECT.GET.TD_DEAD.>",
			"TD.API.CONSUMER.PAUSE.TD_EVENTS.orders",
			"TD.API.CONSUMER.PAUSE.TD_EVENTS.inventory", "TD.API.CONSUMER.RESET.TD_EVENTS.orders",
			"TD.API.CONSUMER.RESET.TD_EVENTS.inventory",
			"$SRV.PING.tenant-deletion-*", "$SRV.INFO.tenant-deletion-*", "$SRV.STATS.tenant-deletion-*"},
		subscribe: []string{"_INBOX_operator.>", "_INBOX_erasectl.>", "tenant.deletion.progress.*.*", "tenant.deletion.submitted.*",
			"tenant.deleted.*", "$JS.EVENT.ADVISORY.>"},
	},
	"provisioner": {
		publish: []string{"TD.API.INFO", "TD.API.STREAM.INFO.*", "TD.API.STREAM.NAMES", "TD.API.STREAM.LIST", "TD.API.STREAM.CREATE.*",
			"TD.API.STREAM.UPDATE.*", "TD.API.CONSUMER.CREATE.>", "TD.API.CONSUMER.INFO.*.*", "TD.API.CONSUMER.NAMES.*",
			"TD.API.CONSUMER.LIST.*"},
		subscribe: []string{"_INBOX_provisioner.>", "_INBOX_erasectl.>"},
	},
	"monitor": {
		publish:   []string{"$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.*", "$SYS.REQ.ACCOUNT.PING.*"},
		subscribe: []string{"_INBOX_monitor.>", "$SYS.ACCOUNT.>", "$SYS.SERVER.>"},
	},
	"svc_orders":    service("orders"),
	"svc_inventory": service("inventory"),
	"req_crm": {
		publish:   []string{"tenant.deletion.submitted.crm", "TD.API.DIRECT.GET.TD_INTAKE.tenant.deletion.submitted.crm"},
		subscribe: []string{"_INBOX_crm.>"},
	},
	"await_shop": {
		publish: []string{"tenant.deletion.submitted.shop", "TD.API.DIRECT.GET.TD_INTAKE.tenant.deletion.submitted.shop",
			"TD.API.STREAM.INFO.TD_EVENTS", "TD.API.DIRECT.GET.TD_EVENTS", "TD.API.DIRECT.GET.TD_EVENTS.>"},
		subscribe: []string{"_INBOX_shop.>", "tenant.deleted.*", "tenant.deletion.failed.*", "tenant.deletion.cancelled.*"},
	},
	"down_billing": {
		publish:   consumes("TD.API.", "TD_EVENTS", "downstream_billing"),
		subscribe: []string{"_INBOX_billing.>", "tenant.deleted"},
	},
	"hear_board": {subscribe: []string{"tenant.deleted"}},
}

// subjects are one of each kind that somebody could want to publish to, with and without a right.
func subjects() (all []string) {
	all = []string{"tenant.deletion.submitted.crm", "tenant.deletion.submitted.shop", "tenant.deletion.requested.t1",
		"tenant.deletion.replayed.orders.t1", "tenant.deletion.replayed.inventory.t1", "tenant.deletion.result.orders.t1",
		"tenant.deletion.result.inventory.t1", "tenant.deletion.failed.t1", "tenant.deletion.cancelled.t1", "tenant.deleted.t1",
		"tenant.deleted", "tenant.deletion.progress.orders.t1", "tenant.deletion.progress.inventory.t1",
		"tenant.deletion.preview.orders",
		"tenant.deletion.preview.inventory", "$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.STATSZ", "$SYS.REQ.ACCOUNT.PING.CONNZ",
		"$SYS.REQ.SERVER.NONE.RELOAD", "$SYS.REQ.SERVER.NONE.KICK", "$SYS.REQ.CLAIMS.UPDATE", "$SRV.PING", "$SRV.INFO",
		"$SRV.STATS", "$JS.SNAPSHOT.ACK.TD_EVENTS.x",
		"_R_.abcdef.ghijkl", "elsewhere", "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.TD_EVENTS.orders"}
	for _, p := range []string{"orders", "inventory"} {
		for _, verb := range []string{"PING", "INFO", "STATS"} {
			all = append(all, "$SRV."+verb+".tenant-deletion-"+p)
		}
	}
	for _, inbox := range inboxes {
		all = append(all, "_INBOX_"+inbox+".x")
	}
	for _, api := range []string{"$JS.API.", "TD.API."} {
		all = append(all, api+"INFO", api+"STREAM.NAMES", api+"STREAM.LIST", api+"ACCOUNT.PURGE.TD", api+"META.LEADER.STEPDOWN",
			api+"SERVER.REMOVE", api+"DIRECT.GET.TD_EVENTS.tenant.deletion.result.orders.t1",
			api+"DIRECT.GET.TD_EVENTS.tenant.deletion.result.inventory.t1", api+"DIRECT.GET.TD_EVENTS.tenant.deleted.t1",
			api+"DIRECT.GET.TD_INTAKE.tenant.deletion.submitted.crm", api+"DIRECT.GET.TD_INTAKE.tenant.deletion.submitted.shop")
		for _, stream := range []string{"TD_INTAKE", "TD_EVENTS", "TD_DEAD", "OTHER"} {
			for _, verb := range []string{"STREAM.INFO", "STREAM.CREATE", "STREAM.UPDATE", "STREAM.DELETE", "STREAM.PURGE",
				"STREAM.SNAPSHOT",
				"STREAM.RESTORE", "STREAM.MSG.GET", "STREAM.MSG.DELETE", "STREAM.LEADER.STEPDOWN", "STREAM.PEER.REMOVE", "DIRECT.GET",
				"CONSUMER.NAMES", "CONSUMER.LIST", "CONSUMER.CREATE"} {
				all = append(all, api+verb+"."+stream)
			}
		}
		for _, consumer := range consumers {
			for _, verb := range []string{"INFO", "CREATE", "DURABLE.CREATE", "DELETE", "PAUSE", "RESET", "UNPIN", "MSG.NEXT",
				"LEADER.STEPDOWN"} {
				all = append(all, api+"CONSUMER."+verb+"."+consumer)
			}
			all = append(all, api+"CONSUMER.CREATE."+consumer+".tenant.deleted.t1")
		}
	}
	for _, consumer := range consumers {
		all = append(all, "$JS.ACK."+consumer+".1.1.1.1.0", "$JS.ACK._.HASH."+consumer+".1.1.1.1.0")
	}
	return all
}

var consumers = []string{"TD_EVENTS.orders", "TD_EVENTS.inventory", "TD_EVENTS.downstream_billing",
	"TD_EVENTS.coordinator_results",
	"TD_INTAKE.coordinator_intake", "TD_DEAD.coordinator_dead", "TD_EVENTS.stranger"}

// listened are patterns that somebody could want to hear: everything that is published, and wider ones.
func listened() []string {
	return append(subjects(), ">", "*.>", "tenant.>", "tenant.deletion.>", "tenant.deletion.*.*", "tenant.deletion.requested.*",
		"tenant.deletion.replayed.*.*", "tenant.deletion.result.*.*", "tenant.deletion.progress.*.*", "tenant.deletion.submitted.*",
		"tenant.deletion.failed.*", "tenant.deletion.cancelled.*", "tenant.deleted.*", "tenant.deletion.preview.*", "_INBOX.>",
		"_INBOX_*.>",
		"_INBOX_coordinator.>", "_INBOX_orders.>", "_INBOX_inventory.>", "_INBOX_billing.>", "_R_.>", "$JS.>", "$JS.API.>", "TD.API.>",
		"$JS.ACK.>", "$JS.EVENT.ADVISORY.>", "$SRV.>", "$SYS.>", "$SYS.ACCOUNT.>", "$SYS.SERVER.>")
}

// covered reports whether a pattern holds all that another one holds.
func covered(patterns []string, subject string) bool {
	want := strings.Split(subject, ".")
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		have := strings.Split(pattern, ".")
		for i, token := range have {
			switch {
			case token == ">":
				return len(want) > i
			case i >= len(want) || want[i] == ">":
				return false
			case token == "*" || token == want[i]:
			case strings.HasSuffix(token, "*") && strings.HasPrefix(want[i], strings.TrimSuffix(token, "*")): // of this test alone
			default:
				return false
			}
		}
		return len(have) == len(want)
	})
}

// denied does something and tells whether the server denied it, as the client sees it: before the answer to a flush.
func denied(t *testing.T, nc *nats.Conn, subject string, do func() error) bool {
	t.Helper()
	before := nc.LastError()
	require.NoError(t, do(), subject)
	require.NoError(t, nc.FlushTimeout(patience), subject)
	last := nc.LastError()
	named := errors.Is(last, nats.ErrPermissionViolation) && strings.Contains(last.Error(), fmt.Sprintf("%q", subject))
	//nolint:errorlint // identity is meant: an error that was there before says nothing about this call
	return last != before && named
}

func TestEveryRoleMayDoItsWorkAndNoMore(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	require.Len(t, roles, len(inboxes), "every user is a row")
	cells := 0
	for role, may := range roles {
		nc := s.connect(role)
		for _, subject := range subjects() {
			want := covered(may.publish, subject)
			got := !denied(t, nc, subject, func() error { return nc.Publish(subject, nil) })
			require.Equal(t, want, got, "%s publishes to %s", role, subject)
			cells++
		}
		for _, subject := range listened() {
			var sub *nats.Subscription
			want := covered(may.subscribe, subject)
			got := !denied(t, nc, subject, func() (err error) { sub, err = nc.SubscribeSync(subject); return err })
			require.Equal(t, want, got, "%s subscribes to %s", role, subject)
			_ = sub.Unsubscribe() // one that was denied is gone already
			cells++
		}
	}
	require.Greater(t, cells, 6000)
	t.Logf("%d cells", cells)
}

// What a role may ask reaches who answers it, in the account that owns the streams.
func TestWhatIsAllowedIsAnswered(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	for _, p := range []string{"orders", "inventory"} {
		s.serve("svc_"+p, p)
	}
	unanswered := []string{"$JS.ACK.", "tenant.deletion.progress.", "tenant.deletion.preview.inventory.", "$SYS."}
	for role, may := range roles {
		if role == "breakglass" { // it would do it
			continue
		}
		nc := s.connect(role)
		for _, subject := range subjects() {
			silent := slices.ContainsFunc(unanswered, func(p string) bool { return strings.HasPrefix(subject, p) })
			if silent || !covered(may.publish, subject) {
				continue
			}
			body := []byte("x")
			switch {
			case strings.Contains(subject, ".MSG.NEXT."):
				body = []byte(`{"batch":1,"no_wait":true}`)
			case strings.Contains(subject, ".API."):
				body = nil
			}
			if strings.Contains(subject, "TD_EVENTS.stranger") || strings.Contains(subject, ".OTHER") {
				continue // there is none to answer
			}
			_, err := nc.Request(subject, body, 2*time.Second)
			require.NoError(t, err, "%s asks %s", role, subject)
		}
	}
}

// serve answers previews as a participant's program does.
func (s *site) serve(user, participant string) {
	s.t.Helper()
	p := events.Participant(participant)
	require.NoError(s.t, s.bus(user).Serve(s.t.Context(), busService(p), answerCounts))
}
