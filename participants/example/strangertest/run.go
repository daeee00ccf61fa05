package strangertest

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/client"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

// Downstream is the name of the durable subscriber that is provisioned for every test.
const Downstream = "billing"

// Run holds a participant against the platform. Open is called once for each claim, for a database of its own.
func Run(t *testing.T, open func(t testing.TB) Stranger) {
	t.Helper()
	for claim, check := range map[string]func(*world){
		"a request ends in tenant.deleted with exact counts, and nothing else is touched": checkPlatform,
		"every repeat is answered with the receipt, and another pass adds up":             checkRepeats,
		"what is not verified deletes nothing and becomes a dead letter":                  checkUnverified,
		"killed between commit and publish it gives the same numbers":                     checkKilledBeforePublish,
		"killed between publish and acknowledgement it gives the same numbers":            checkKilledBeforeAck,
		"a broker that comes back is found again":                                         checkBrokerRestart,
		"it does what every clause asks that shows on the wire":                           checkConformance,
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			check(newWorld(t, open(t)))
		})
	}
}

// checkPlatform is a deletion by a real coordinator, from the request to the announcement.
func checkPlatform(w *world) {
	tenant, counts := w.tenant()
	neighbour, theirs := w.tenant()
	before := w.Digest(w.TB, tenant)
	w.start(w.server.ClientURL())
	if got := w.preview(tenant); !maps.Equal(got, counts) {
		w.Fatalf("preview says %v, there are %v", got, counts)
	}
	w.startCoordinator()
	ended := make(chan *events.Deleted, 1)
	w.must(w.bus.Watch(w.Context(), string(events.TypeDeleted)+"."+string(tenant), func(m events.Message) {
		if _, deleted, err := client.Open(m, w.signer.PublicKey()); err == nil {
			ended <- deleted
		}
	}), "watch the end")
	w.ask(tenant)
	select {
	case deleted := <-ended:
		if got := deleted.DeletedCounts[w.Participant]; !maps.Equal(got, counts) {
			w.Fatalf("tenant.deleted says %v, there were %v", got, counts)
		}
	case <-time.After(waitMax):
		w.Fatal("waited in vain for tenant.deleted")
	}
	w.untouched(before, tenant)
	if got := w.preview(neighbour); !maps.Equal(got, theirs) {
		w.Fatalf("the neighbour has %v instead of %v", got, theirs)
	}
	w.listen(tenant)
}

// ask submits the tenant's deletion, with the stranger's program when there is one.
func (w *world) ask(tenant events.TenantID) {
	w.Helper()
	if w.Ask != nil {
		out, err := w.Ask(w.server.ClientURL(), tenant).CombinedOutput()
		w.must(err, "ask: "+string(out))
		return
	}
	_, err := client.Submit(w.Context(), w.bus, events.Submitted{RequestID: "crm:1", TenantID: tenant, Source: "crm",
		Reason: "contract_ended", RequestedBy: "user_42"})
	w.must(err, "submit")
}

// listen demands that the stranger's subscriber, which was not running, hears of the tenant.
func (w *world) listen(tenant events.TenantID) {
	w.Helper()
	if w.Listen == nil {
		return
	}
	_, log := w.logged(w.Listen(w.server.ClientURL(), w.signer.PublicKey()))
	w.await("the subscriber to hear of the tenant", func(context.Context) bool {
		text, err := os.ReadFile(log)
		w.must(err, "read what the subscriber wrote")
		return bytes.Contains(text, []byte(tenant))
	})
}

// startCoordinator runs the real command on a database of its own.
func (w *world) startCoordinator() {
	w.Helper()
	dir := w.TempDir()
	binary, seedFile := filepath.Join(dir, "coordinator"), filepath.Join(dir, "seed")
	build := exec.CommandContext(w.Context(), "go", "build", "-o", binary, "github.com/bakery-ia/tenant-deletion/cmd/coordinator")
	if out, err := build.CombinedOutput(); err != nil {
		w.Fatalf("build the coordinator: %v\n%s", err, out)
	}
	w.must(os.WriteFile(seedFile, w.seed, 0o600), "write the seed")
	db := pgtest.New(w.TB, migrations.Coordinator())
	coordinator := exec.CommandContext(w.Context(), binary, "--database-url", db.DSN("coordinator"),
		"--nats-url", w.server.ClientURL(), "--signing-seed-file", seedFile, "--roster", string(w.Participant)+":1")
	w.process(coordinator)
}

func (w *world) untouched(before string, tenant events.TenantID) {
	w.Helper()
	if after := w.Digest(w.TB, tenant); after != before {
		w.Fatal("a row that is not the tenant's has changed")
	}
	for table, n := range w.preview(tenant) {
		if n != 0 {
			w.Fatalf("%d rows are left in %s", n, table)
		}
	}
}

// success demands an answer with these counts.
func (w *world) success(c *events.Command, counts map[string]int64, replayed bool) *events.Result {
	w.Helper()
	r := w.answer(c)
	if !r.Success || !maps.Equal(r.DeletedCounts, counts) || r.Replayed != replayed {
		w.Fatalf("answered success=%v counts=%v replayed=%v errors=%v, there were %v and replayed should be %v", r.Success,
			r.DeletedCounts, r.Replayed, r.Errors, counts, replayed)
	}
	return r
}

func checkRepeats(w *world) {
	tenant, counts := w.tenant()
	before := w.Digest(w.TB, tenant)
	w.start(w.server.ClientURL())
	first := w.command(tenant)
	w.send(events.TypeRequested, first)
	told := w.success(first, counts, false)
	w.untouched(before, tenant)
	repeat := *first
	repeat.Attempt = 2
	w.send(events.TypeReplayed, &repeat)
	if again := w.success(&repeat, counts, true); !again.Timestamp.Equal(told.Timestamp) || again.DurationMS != told.DurationMS {
		w.Fatal("the repeat has other numbers than the receipt")
	}
	w.Recreate(w.TB, tenant)
	more := w.fill(tenant)
	for table, n := range counts {
		more[table] += n
	}
	repeat.Attempt, repeat.EraseAgain = 3, true
	w.send(events.TypeReplayed, &repeat)
	w.success(&repeat, more, false)
	w.untouched(before, tenant)
	stale := w.command(tenant)
	stale.JobID = events.NewJobID()
	w.Recreate(w.TB, tenant)
	counts = w.fill(tenant)
	w.send(events.TypeRequested, stale)
	if r := w.answer(stale); r.Success || r.Errors[0].Code != "stale_generation" {
		w.Fatalf("a stale command was answered with success=%v errors=%v", r.Success, r.Errors)
	}
	if got := w.preview(tenant); !maps.Equal(got, counts) {
		w.Fatalf("a stale command has deleted: %v instead of %v", got, counts)
	}
}

// checkUnverified sends what a forger could send, then a good command: with one worker its answer comes after the rest.
func checkUnverified(w *world) {
	tenant, counts := w.tenant()
	neighbour, theirs := w.tenant()
	w.start(w.server.ClientURL())
	forged := w.forgeries(tenant, neighbour)
	for _, m := range forged {
		m.Header[events.HeaderMsgID] = string(events.NewJobID())
		w.must(w.bus.Publish(w.Context(), m), "publish a forgery")
	}
	good := w.command(neighbour)
	w.send(events.TypeRequested, good)
	w.success(good, theirs, false)
	if got := w.preview(tenant); !maps.Equal(got, counts) {
		w.Fatalf("something unverified has deleted: %v instead of %v", got, counts)
	}
	w.await("a dead letter for each", func(ctx context.Context) bool { return w.deadLetters(ctx) == uint64(len(forged)) })
}

// forgeries are commands that name the tenant and must not work.
func (w *world) forgeries(tenant, neighbour events.TenantID) []events.Message {
	w.Helper()
	sign := func(s *events.Signer, m events.Message) events.Message {
		signed, err := s.Sign(m)
		w.must(err, "sign")
		return signed
	}
	seed, err := events.NewSeed()
	w.must(err, "make a seed")
	stranger, err := events.NewSigner(seed)
	w.must(err, "make a signer")
	good := w.encode(events.TypeRequested, w.command(tenant))
	claimed := sign(stranger, good)
	claimed.Header[events.HeaderKey] = string(w.signer.PublicKey())
	changed := sign(w.signer, good)
	changed.Body = bytes.Replace(changed.Body, []byte("contract_ended"), []byte("contract_begun"), 1)
	moved := sign(w.signer, w.encode(events.TypeRequested, w.command(neighbour)))
	moved.Subject = good.Subject
	late := w.command(tenant)
	late.RequestedAt, late.ExpiresAt = late.RequestedAt.Add(-2*time.Hour), late.RequestedAt.Add(-time.Hour)
	twice := bytes.Replace(good.Body, []byte(`"generation":1`), []byte(`"generation":1,"generation":1`), 1)
	null := bytes.Replace(good.Body, []byte(`"wave":1`), []byte(`"wave":null`), 1)
	major := bytes.Replace(good.Body, []byte("requested:1.0"), []byte("requested:2.0"), 1)
	out := []events.Message{good, sign(stranger, good), claimed, changed, moved,
		sign(w.signer, w.encode(events.TypeRequested, late))}
	for _, body := range [][]byte{twice, null, major, []byte(`{"tenant_id":`), []byte("\xff")} {
		if bytes.Equal(body, good.Body) {
			w.Fatal("a forgery is no forgery")
		}
		out = append(out, sign(w.signer, events.Message{Subject: good.Subject, Header: map[string]string{}, Body: body}))
	}
	return out
}

// deadLetters counts the advisories of terminated deliveries.
func (w *world) deadLetters(ctx context.Context) uint64 {
	answer, err := w.bus.Request(ctx, events.Message{Subject: "$JS.API.STREAM.INFO." + events.StreamDead})
	w.must(err, "ask for the dead letters")
	var info jetstream.StreamInfo
	w.must(json.Unmarshal(answer.Body, &info), "read the dead letters")
	return info.State.Msgs
}

func checkKilledBeforePublish(w *world) { w.killedAt("HPUB tenant.deletion.result.", 1) }

func checkKilledBeforeAck(w *world) { w.killedAt("+ACK", 2) }

// killedAt kills the participant when it is about to say the word; answers is how many results there are in the end. The
// second result has the id of the first one, so that a stream keeps one of them: both are seen on the wire.
func (w *world) killedAt(word string, answers int) {
	tenant, counts := w.tenant()
	before := w.Digest(w.TB, tenant)
	proxy := w.newProxy(word)
	kill := w.start(proxy.url)
	command := w.command(tenant)
	w.send(events.TypeRequested, command)
	select {
	case <-proxy.held:
	case <-time.After(waitMax):
		w.Fatalf("waited in vain for %q", word)
	}
	kill()
	w.start(w.server.ClientURL())
	for n := range answers {
		w.success(command, counts, n == answers-1)
	}
	w.untouched(before, tenant)
}

func checkBrokerRestart(w *world) {
	tenant, counts := w.tenant()
	w.start(w.server.ClientURL())
	w.server.Stop()
	w.startBroker()
	w.await("the participant to come back", func(ctx context.Context) bool {
		_, err := w.bus.Ping(ctx, events.ServiceName(w.Participant))
		return err == nil
	})
	command := w.command(tenant)
	w.send(events.TypeRequested, command)
	w.success(command, counts, false)
}
