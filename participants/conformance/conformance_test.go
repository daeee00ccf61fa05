package conformance_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/conformance"
)

// broker is a server of the test's own, with a consumer for one participant, and a coordinator's key.
type broker struct {
	url    string
	signer *events.Signer
}

func startBroker(t *testing.T, p events.Participant) broker {
	t.Helper()
	server, err := embedded.Start(embedded.Config{StoreDir: t.TempDir(), Port: -1})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	seed, err := events.NewSeed()
	require.NoError(t, err)
	signer, err := events.NewSigner(seed)
	require.NoError(t, err)
	b := broker{url: server.ClientURL(), signer: signer}
	_, err = natsdeploy.Apply(t.Context(), b.jetStream(t), natsdeploy.Topology{Participants: []events.Participant{p}})
	require.NoError(t, err)
	return b
}

func (b broker) connect(t *testing.T, inbox string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(b.url, nats.CustomInboxPrefix(inbox))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func (b broker) jetStream(t *testing.T) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(b.connect(t, "_INBOX_test"))
	require.NoError(t, err)
	return js
}

func TestRunRefusesWhatItWouldDisturb(t *testing.T) {
	t.Parallel()
	kit := func(t *testing.T, b broker) error {
		s := stranger{rows: map[events.TenantID]map[string]int64{}}
		_, err := conformance.Run(t.Context(), conformance.Config{AnswerTimeout: time.Second, Conn: b.connect(t, "_INBOX_kit"),
			Participant: strangerName, Seed: s.Seed, Signer: b.signer})
		return err
	}
	t.Run("a coordinator that listens", func(t *testing.T) {
		t.Parallel()
		b := startBroker(t, strangerName)
		results, err := b.jetStream(t).Consumer(t.Context(), events.StreamEvents, events.ConsumerResults)
		require.NoError(t, err)
		listening, err := results.Consume(func(jetstream.Msg) {})
		require.NoError(t, err)
		t.Cleanup(listening.Stop)
		require.Eventually(t, func() bool {
			info, err := results.Info(t.Context())
			return err == nil && info.NumWaiting > 0
		}, 10*time.Second, 5*time.Millisecond) // the pull is on its way
		require.ErrorIs(t, kit(t, b), conformance.ErrCoordinator)
	})
	t.Run("work that is pending", func(t *testing.T) {
		t.Parallel()
		b := startBroker(t, strangerName)
		_, err := b.jetStream(t).Publish(t.Context(), events.RequestedSubject("acme"), []byte("{}"))
		require.NoError(t, err)
		require.ErrorIs(t, kit(t, b), conformance.ErrPending)
	})
	t.Run("a participant without a consumer", func(t *testing.T) {
		t.Parallel()
		require.ErrorIs(t, kit(t, startBroker(t, "somebody_else")), conformance.ErrConsumer)
	})
	t.Run("a participant that is silent", func(t *testing.T) {
		t.Parallel()
		require.ErrorIs(t, kit(t, startBroker(t, strangerName)), conformance.ErrSilent)
	})
}

// against runs the kit against a stranger.
func against(t *testing.T, f flaw) conformance.Report {
	t.Helper()
	b := startBroker(t, strangerName)
	s := startStranger(t, b, f)
	report, err := conformance.Run(t.Context(), conformance.Config{AnswerTimeout: 3 * time.Second,
		Conn: b.connect(t, "_INBOX_kit"), Participant: strangerName, Seed: s.Seed, Signer: b.signer})
	require.NoError(t, err)
	require.Len(t, report.Verdicts, len(conformance.Clauses()))
	return report
}

// those are the ids of the clauses with an outcome.
func those(r conformance.Report, o conformance.Outcome) (ids []string) {
	for _, v := range r.Verdicts {
		if v.Outcome == o {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

func reasons(r conformance.Report) (text string) {
	for _, v := range r.Verdicts {
		if v.Outcome == conformance.Fail {
			text += v.ID + ": " + v.Reason + "\n"
		}
	}
	return text
}

func TestAStrangerWithoutFlawsConforms(t *testing.T) {
	t.Parallel()
	report := against(t, "")
	require.Empty(t, those(report, conformance.Fail), reasons(report))
	require.Equal(t, []string{"heartbeat", "instances", "crash", "nak-delay", "progress-form"}, those(report, conformance.Skip))
	require.True(t, report.Conforms())
	require.Equal(t, "1.2.3", report.Version)
}

func TestEveryFlawIsCaughtByItsClause(t *testing.T) {
	t.Parallel()
	for f, clauses := range map[flaw][]string{
		acksFirst:      {"result-stored"},
		zeroOnRepeat:   {"repeat", "new-attempt"},
		deletesOnLook:  {"preview-exact"},
		trustsAll:      {"unsigned", "forged"},
		neverExpires:   {"expired"},
		answersForAll:  {"own-answers"},
		naksPlainly:    {"malformed", "nak-delay"},
		newIDs:         {"result-id", "result-id-form"},
		crashesOnTrash: {"malformed"},
		forgetsTenants: {"hostile-tenant"},
		foldsCase:      {"tenant-spelling"},
		ignoresNames:   {"not-named"},
		noGeneration:   {"stale-generation"},
		termsSilently:  {"unsigned", "expired"},
		waitsForNobody: {"result-stored"},
		countsTwice:    {"new-attempt"},
		anyMajor:       {"version-major"},
	} {
		t.Run(string(f)+" is caught", func(t *testing.T) {
			t.Parallel()
			report := against(t, f)
			require.Subset(t, those(report, conformance.Fail), clauses, reasons(report))
			require.Equal(t, f == foldsCase, report.Conforms()) // that one is a SHOULD
		})
	}
}
