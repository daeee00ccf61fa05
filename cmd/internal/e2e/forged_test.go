package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// roster are all participants.
func roster() (names []events.Participant) {
	for _, entry := range app.ReferenceRoster() {
		names = append(names, entry.Participant)
	}
	return names
}

// newSigner makes a key, and the file that a coordinator reads it from.
func newSigner(t *testing.T) (signer *events.Signer, file string) {
	t.Helper()
	key, err := events.NewSeed()
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "seed")
	require.NoError(t, os.WriteFile(file, key, 0o600))
	signer, err = events.NewSigner(key)
	require.NoError(t, err)
	return signer, file
}

// own is the coordinator's own key, as somebody who has stolen it would use it.
func (s *stack) own() *events.Signer {
	s.t.Helper()
	signer, err := app.LoadSigner(s.seedFile)
	require.NoError(s.t, err)
	return signer
}

func (s *stack) signed(by *events.Signer, m events.Message) events.Message {
	s.t.Helper()
	m, err := by.Sign(m)
	require.NoError(s.t, err)
	return m
}

// commandOf is a well-formed command of a new job, changed by the test.
func (s *stack) commandOf(tenant events.TenantID, change func(*events.Command)) events.Message {
	s.t.Helper()
	job, now := events.NewJobID(), time.Now()
	c := &events.Command{JobID: job, TenantID: tenant, Generation: 1, Wave: 1, Attempt: 1, Participants: roster(),
		Reason: "contract_ended", RequestedAt: now, ExpiresAt: now.Add(time.Hour)}
	if change != nil {
		change(c)
	}
	m, err := events.Encode(events.Event{ID: events.EventIDFor(job, events.TypeRequested, "", 1, 1),
		Source: events.SourceCoordinator, Type: events.TypeRequested, Subject: tenant, Time: now, Data: c})
	require.NoError(s.t, err)
	return m
}

// letters are the reasons that a consumer had for its dead letters.
func (s *stack) letters(consumer string) (reasons []string) {
	letters, err := s.store.Buried(context.Background(), saga.DeadFilter{Consumer: consumer, Limit: 1000})
	if err != nil {
		return nil
	}
	for _, letter := range letters {
		reasons = append(reasons, letter.Reason)
	}
	return reasons
}

// E5: what did not come from the coordinator as it is deletes nothing, and every participant has a dead letter that says why.
func TestForgedCommandsDeleteNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t, 2)
	everything := s.digests("")
	s.coordinator()
	s.participants()
	until(t, "everybody to be ready", func() bool { return s.serves("orders") && s.serves("tenants") })
	victim, neighbour := s.tenants[0], s.tenants[1]
	stranger, _ := newSigner(t)
	own := s.own()
	expired := s.signed(own, s.commandOf(victim, func(c *events.Command) {
		c.RequestedAt, c.ExpiresAt = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	}))
	unsigned := s.commandOf(victim, nil)
	foreign := s.signed(stranger, s.commandOf(victim, nil))
	posing := s.signed(stranger, s.commandOf(victim, nil))
	posing.Header[events.HeaderKey] = string(s.key)
	garbled := s.signed(own, s.commandOf(victim, nil))
	garbled.Header[events.HeaderSignature] = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 64))
	// A signed command about somebody else: its body changed with its subject, its subject alone, its kind.
	changed := s.signed(own, s.commandOf(neighbour, nil))
	changed.Subject = events.RequestedSubject(victim)
	changed.Body = bytes.ReplaceAll(changed.Body, []byte(neighbour), []byte(victim))
	moved := s.signed(own, s.commandOf(neighbour, nil))
	moved.Subject = events.RequestedSubject(victim)
	added := s.signed(own, s.commandOf(victim, func(c *events.Command) { c.Participants = []events.Participant{"loyalty"} }))
	added.Body = bytes.Replace(added.Body, []byte(`"loyalty"`), []byte(`"`+strings.Join(names(roster()), `","`)+`"`), 1)

	bus := s.connect("stranger")
	forged := map[string]struct {
		message events.Message
		reason  string
	}{
		"expired": {expired, "command expired"}, "unsigned": {unsigned, "missing"}, "foreign": {foreign, "not made by a trusted key"},
		"posing": {posing, "does not match subject and body"}, "garbled": {garbled, "does not match subject and body"},
		"changed": {changed, "does not match subject and body"}, "moved": {moved, "subject"},
		"added": {added, "does not match subject and body"},
	}
	for _, f := range forged {
		require.NoError(t, bus.Publish(t.Context(), f.message))
	}
	for _, name := range roster() {
		until(t, "a dead letter of "+string(name)+" for each", func() bool { return len(s.letters(string(name))) >= len(forged) })
		reasons := strings.Join(s.letters(string(name)), "\n")
		require.Len(t, s.letters(string(name)), len(forged), reasons)
		for claim, f := range forged {
			require.Contains(t, reasons, f.reason, claim)
		}
		require.Equal(t, 4, strings.Count(reasons, "does not match subject and body"), reasons)
		require.NotContains(t, reasons, string(victim), "a reason repeats nothing of the message")
	}
	s.nothingDeleted(everything)
	require.Empty(t, strings.Join(slices.Collect(maps.Values(s.receipts())), ""), "nobody settled anything")
	require.Zero(t, s.stored("tenant.deletion.result.*.*"))
	s.drained(s.jetStream())

	// The genuine one is obeyed all the same.
	s.remember(victim)
	s.submit(s.connect("asker"), victim)
	s.proven(victim)
}

func names(participants []events.Participant) (texts []string) {
	for _, p := range participants {
		texts = append(texts, string(p))
	}
	return texts
}

// kept are copies of the signed commands of a tenant, as somebody who reads the stream keeps them.
func (s *stack) kept(tenant events.TenantID) (copies []*nats.Msg) {
	s.t.Helper()
	stream, err := s.jetStream().Stream(s.t.Context(), events.StreamEvents)
	require.NoError(s.t, err)
	info, err := stream.Info(s.t.Context())
	require.NoError(s.t, err)
	for sequence := info.State.FirstSeq; sequence <= info.State.LastSeq; sequence++ {
		m, err := stream.GetMsg(s.t.Context(), sequence)
		require.NoError(s.t, err)
		if m.Subject == events.RequestedSubject(tenant) {
			copies = append(copies, &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data})
		}
	}
	return copies
}

// again publishes copies under other message ids, so that the stream takes them.
func (s *stack) again(copies []*nats.Msg, id string) {
	s.t.Helper()
	js := s.jetStream()
	for _, m := range copies {
		m.Header.Del(jetstream.MsgIDHeader)
		m.Header.Set(jetstream.MsgIDHeader, id+m.Header.Get(events.HeaderSignature)[:16])
		_, err := js.PublishMsg(s.t.Context(), m)
		require.NoError(s.t, err)
	}
}

// E5: a genuine command that somebody has kept deletes nothing of a tenant that was created again under the same id, nor of one
// that a later job has deleted: it is answered with the receipt, and leaves a dead letter with the reason.
func TestAKeptCommandDeletesNothingOfATenantThatWasCreatedAgain(t *testing.T) {
	t.Parallel()
	s := newStack(t, 2)
	tenant := s.tenants[0]
	s.coordinator()
	s.participants()
	s.remember(tenant)
	s.submit(s.connect("asker"), tenant)
	first := s.proven(tenant)
	copies := s.kept(tenant)
	require.Len(t, copies, 2, "a command for each wave")

	report, err := seed.Generate(t.Context(),
		seed.Target{DSN: func(name events.Participant) string { return s.dsn(string(name)) }},
		seed.Options{Tenants: []events.TenantID{tenant}, Profile: seed.ProfileTiny, Seed: 2, FilesRoot: s.filesRoot, Recreate: true})
	require.NoError(t, err)
	everything, receipts := s.digests(""), s.receipts()
	refusedBy := func(n int) {
		t.Helper()
		for _, name := range roster() {
			until(t, "a dead letter of "+string(name), func() bool { return len(s.letters(string(name))) >= n })
			for _, reason := range s.letters(string(name)) {
				require.Contains(t, reason, "stale_generation")
			}
		}
		s.drained(s.jetStream())
	}
	s.again(copies, "kept-1-")
	refusedBy(1)
	s.nothingDeleted(everything)
	require.Equal(t, receipts, s.receipts())
	require.Equal(t, jsonOf(t, first), jsonOf(t, s.job(tenant)), "the job did not move")
	require.Equal(t, 1, s.stored("tenant.deleted."+string(tenant)))

	// The new life is deleted by a job of its own, and by nothing else.
	s.report = report
	s.remember(tenant)
	request := submission(tenant, "second")
	m, err := events.Encode(request.Event(time.Now()))
	require.NoError(t, err)
	require.NoError(t, s.connect("asker").Publish(t.Context(), m))
	until(t, "the second job to end", func() bool { return s.job(tenant).RequestID == "second" && s.job(tenant).State.Final() })
	second := s.job(tenant)
	require.Equal(t, [2]any{saga.StateCompleted, 2}, [2]any{second.State, second.Generation})
	s.exact(second)
	s.untouched(tenant)
	everything = s.digests("")
	s.again(copies, "kept-2-")
	refusedBy(2)
	s.nothingDeleted(everything)
}

// Two keys are valid while one replaces the other; afterwards the old one opens nothing.
func TestASigningKeyIsReplacedWhileTenantsAreDeleted(t *testing.T) {
	t.Parallel()
	s := newStack(t, 4)
	before := s.own()
	after, file := newSigner(t)
	start := func(trusted ...events.PublicKey) (units []*unit) {
		for _, name := range roster() {
			units = append(units, s.run(string(name), func(ctx context.Context) error {
				return app.RunParticipant(ctx, app.ParticipantConfig{Name: name, DatabaseURL: s.dsn(string(name)),
					FilesRoot: s.filesRoot, NATSURL: s.nats.ClientURL(), TrustedKeys: trusted})
			}))
		}
		return units
	}
	remove := func(tenant events.TenantID) {
		t.Helper()
		s.remember(tenant)
		s.submit(s.connect("asker"), tenant)
		s.proven(tenant)
	}
	both := start(before.PublicKey(), after.PublicKey())
	coordinator := s.coordinator()
	remove(s.tenants[0])
	coordinator.stop()
	s.seedFile = file
	s.coordinator()
	remove(s.tenants[1])
	require.Empty(t, s.buried(), "both keys counted")

	for _, u := range both {
		u.stop()
	}
	start(after.PublicKey())
	until(t, "everybody to be ready", func() bool { return s.serves("orders") && s.serves("tenants") })
	everything := s.digests("")
	require.NoError(t, s.connect("stranger").Publish(t.Context(), s.signed(before, s.commandOf(s.tenants[2], nil))))
	for _, name := range roster() {
		until(t, "a dead letter of "+string(name), func() bool { return len(s.letters(string(name))) == 1 })
		require.Contains(t, s.letters(string(name))[0], "not made by a trusted key")
	}
	s.nothingDeleted(everything)
	remove(s.tenants[3])
}
