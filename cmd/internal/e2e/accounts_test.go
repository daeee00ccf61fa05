package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/events/client"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// The whole system with the accounts of an installation: each program shows a key of its own, and may do what its role may.
func TestDeletionUnderAccounts(t *testing.T) {
	t.Parallel()
	s := newStackWith(t, 3, pgtest.New(t, lines()...).DSN, newSite(t))
	s.patience = calm
	s.serveAPI()
	s.coordinator()
	s.participants()
	for _, entry := range app.ReferenceRoster() {
		until(t, string(entry.Participant)+" to be ready", func() bool { return s.serves(entry.Participant) })
	}
	s.awaitAPI()
	ctx, cancel := context.WithTimeout(t.Context(), endTimeout)
	defer cancel()
	asker, watcher := s.connectAs("await_e2e", "e2e"), s.connectAs("operator", "operator")
	progress, plain := make(chan events.Message, 1000), make(chan events.Message, 10)
	require.NoError(t, watcher.Watch(ctx, events.ProgressSubject(""), func(m events.Message) { progress <- m }))
	board := s.connectAs("hear_board", "board")
	require.NoError(t, board.Watch(ctx, events.SubjectDeletedPlain, func(m events.Message) { plain <- m }))

	t.Run("asked for, waited for, proven, heard", func(t *testing.T) {
		tenant := s.tenants[0]
		s.remember(tenant)
		request := submission(tenant, "under-accounts")
		_, err := client.Submit(ctx, asker, request)
		require.NoError(t, err)
		_, err = client.Submit(ctx, asker, request)
		require.NoError(t, err, "its own repeat")
		ending, err := client.Await(ctx, asker, request, client.AwaitConfig{TrustedKeys: []events.PublicKey{s.key}})
		require.NoError(t, err)
		require.NotNil(t, ending.Deleted)
		s.proven(tenant)
		require.NotEmpty(t, progress)
		m := <-plain
		_, deleted, err := client.Open(m, s.key)
		require.NoError(t, err)
		require.Equal(t, tenant, deleted.TenantID)
		heard, stop := context.WithCancel(ctx)
		defer stop()
		require.NoError(t, client.Deleted(heard, s.connectAs("down_e2e", "e2e"), "e2e",
			func(context.Context, events.Event, *events.Deleted) error { stop(); return nil }, client.Config{}))
	})
	t.Run("what is repaired is replayed", func(t *testing.T) {
		tenant := s.tenants[1]
		repair := s.breakPlan("recipes")
		crm := s.connectAs("req_crm", "crm")
		request := submission(tenant, "replayed")
		request.Source = "crm"
		_, err := client.Submit(ctx, crm, request)
		require.NoError(t, err)
		s.awaitState(tenant, saga.StateFailed)
		repair()
		_, code := s.erasectl("replay", "--failed", "--wait", "--confirm", "failed")
		require.Zero(t, code)
		s.exact(s.awaitState(tenant, saga.StateCompleted))
		_, code = s.erasectl("events", "resend", string(s.job(tenant).ID))
		require.Zero(t, code)
	})
	t.Run("a stolen seed answers for nobody else, and leaves dead letters", func(t *testing.T) {
		tenant := s.tenants[2]
		everything := s.digests("")
		stolen, requester := s.rawAs("svc_orders", "orders"), s.rawAs("req_crm", "crm")
		for _, forged := range []string{"tenant.deleted." + string(tenant), "tenant.deletion.requested." + string(tenant)} {
			require.NoError(t, stolen.PublishRequest("tenant.deletion.result.orders."+string(tenant), forged, []byte("{}")))
			require.NoError(t, requester.PublishRequest("tenant.deletion.submitted.crm", forged, []byte("{}")))
		}
		until(t, "a dead letter for each", func() bool {
			text := s.buried()
			return strings.Count(text, "coordinator_results: ") >= 2 && strings.Count(text, "coordinator_intake: ") >= 2
		})
		s.nothingDeleted(everything)
		require.Zero(t, s.stored("tenant.deleted."+string(tenant)))
		require.Zero(t, s.stored("tenant.deletion.requested."+string(tenant)))
		listed, code := s.erasectl("deadletters", "list", "-o", "json")
		require.Zero(t, code)
		require.Contains(t, listed, "coordinator_results")
	})
	t.Run("the ids of a job that is on its way are of no use to a neighbour", func(t *testing.T) {
		s.idsTaken(t, s.tenants[2])
	})
	t.Run("a program with the wrong seed says what it may not, and ends", func(t *testing.T) {
		soon, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		cfg := s.coordinatorConfig()
		cfg.Provision, cfg.HTTPAddr = true, ""
		err := app.RunCoordinator(soon, cfg)
		require.ErrorIs(t, err, bus.ErrPermission, "a coordinator may not provision")
		require.ErrorContains(t, err, "_INBOX_provisioner")
		require.ErrorContains(t, err, "erasectl nats apply")
		err = app.RunParticipant(soon, app.ParticipantConfig{Name: "pos", DatabaseURL: s.dsn("pos"), NATSURL: s.natsURL(),
			NATS: s.shown("svc_orders"), TrustedKeys: []events.PublicKey{s.key}})
		require.ErrorIs(t, err, bus.ErrPermission)
		require.ErrorContains(t, err, "tenant.deletion.preview.pos")
		require.NoError(t, soon.Err(), "not by a timeout")
	})
	t.Run("an operator looks at everything", func(t *testing.T) {
		_, code := s.erasectl("doctor", "--database-url", s.dsn("coordinator"), "--signing-seed-file", s.seedFile)
		require.LessOrEqual(t, code, 1)
		found, _ := s.erasectl("doctor", "-o", "jsonl")
		for _, check := range []string{"NATS", "JetStream", "streams and consumers", "participants"} {
			require.Contains(t, found, `{"check":"`+check+`","health":"ok"`)
		}
		_, code = s.erasectl("nats", "diff", "--downstream", "e2e")
		require.Zero(t, code, "an operator may compare")
		shown, code := s.erasectl("events", "tail", "--since", "1h", "--limit", "20", "-o", "jsonl")
		require.Zero(t, code)
		require.Equal(t, 20, strings.Count(shown, "\n"))
		_, code = s.erasectl("participants")
		require.Zero(t, code)
		_, code = s.erasectl("nats", "apply", "--downstream", "another")
		require.Equal(t, app.ExitAuth, code, "and may not provision")
		_, code = s.erasectl("events", "trigger", "--tenant", "test-x")
		require.Equal(t, app.ExitAuth, code, "nor announce what did not happen")
	})
}

// idsTaken has a participant take every id that the coordinator and the others will use in a job, before it begins.
func (s *stack) idsTaken(t *testing.T, tenant events.TenantID) {
	t.Helper()
	s.remember(tenant)
	request, later := submission(tenant, "ids-taken"), time.Now().Add(3*time.Second)
	request.NotBefore = &later
	_, err := client.Submit(t.Context(), s.connectAs("await_e2e", "e2e"), request)
	require.NoError(t, err)
	job := s.awaitState(tenant, saga.StateScheduled).ID
	ids := []events.EventID{events.EventIDFor(job, events.TypeDeleted, "", 0, 1),
		events.EventIDFor(job, events.TypeRequested, "", 1, 1), events.EventIDFor(job, events.TypeRequested, "", 2, 1)}
	for _, entry := range app.ReferenceRoster() {
		ids = append(ids, events.EventIDFor(job, events.TypeResult, entry.Participant, 0, 1))
	}
	stolen := s.rawAs("svc_orders", "orders")
	for _, id := range ids {
		_, err := stolen.RequestMsg(&nats.Msg{Subject: "tenant.deletion.result.orders." + string(tenant),
			Header: nats.Header{events.HeaderMsgID: {string(id)}}, Data: []byte("{}")}, 5*time.Second)
		require.NoError(t, err)
	}
	require.Equal(t, saga.StateScheduled, s.job(tenant).State, "the ids were taken in time")
	for _, step := range s.proven(tenant).Steps {
		require.Equal(t, 1, step.Attempt, "nothing that %s sent or was sent was lost", step.Participant)
	}
}
