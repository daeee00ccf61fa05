package strangertest

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// Limits of a test: far beyond what a loaded machine needs.
const (
	waitMax  = 60 * time.Second
	askMax   = 2 * time.Second // a question may reach a connection whose process was just killed: nobody answers it
	resultsN = 1024            // answers that wait for the test to look at them
)

// Stranger is a participant that is not written in Go.
type Stranger struct {
	// Ask is a program that asks for the tenant's deletion and ends. Nil asks from the test.
	Ask func(natsURL string, tenant events.TenantID) *exec.Cmd
	// Command is the process that takes part, not started.
	Command func(natsURL string, trusted events.PublicKey) *exec.Cmd
	// Digest is the state of every row that is not the tenant's.
	Digest func(t testing.TB, tenant events.TenantID) string
	// Listen is a program that is subscribed as Downstream and writes the tenants it hears of. Nil for none.
	Listen func(natsURL string, trusted events.PublicKey) *exec.Cmd
	// Participant is its name.
	Participant events.Participant
	// Recreate takes a deleted tenant's fence away.
	Recreate func(t testing.TB, tenant events.TenantID)
	// Seed makes rows of the tenant and returns their exact numbers. It fails for a tenant behind its fence.
	Seed func(ctx context.Context, tenant events.TenantID) (map[string]int64, error)
}

// world is a broker with a participant's consumer, and the test in the coordinator's place.
type world struct {
	testing.TB
	Stranger
	config  embedded.Config
	server  *embedded.Server
	bus     *bus.JetStream
	seed    []byte
	signer  *events.Signer
	results chan *events.Result
}

func newWorld(t testing.TB, s Stranger) *world {
	t.Helper()
	w := &world{TB: t, Stranger: s, config: embedded.Config{StoreDir: t.TempDir(), Port: -1},
		results: make(chan *events.Result, resultsN)}
	w.startBroker()
	w.config.Port = w.server.Port() // a broker that comes back is where it was
	t.Cleanup(func() { w.server.Stop() })
	w.provision()
	var err error
	w.seed, err = events.NewSeed()
	w.must(err, "make a seed")
	w.signer, err = events.NewSigner(w.seed)
	w.must(err, "make a signer")
	w.bus, err = bus.Open(t.Context(), bus.Config{URL: w.server.ClientURL(), Name: "coordinator"})
	w.must(err, "open the bus")
	t.Cleanup(w.bus.Close)
	w.must(w.bus.Watch(t.Context(), string(events.TypeResult)+"."+string(s.Participant)+".*", w.heard), "watch results")
	return w
}

func (w *world) must(err error, what string) {
	w.Helper()
	if err != nil {
		w.Fatalf("%s: %v", what, err)
	}
}

func (w *world) startBroker() {
	w.Helper()
	var err error
	w.server, err = embedded.Start(w.config)
	w.must(err, "start a broker")
}

func (w *world) provision() {
	w.Helper()
	nc, err := nats.Connect(w.server.ClientURL())
	w.must(err, "connect")
	defer nc.Close()
	js, err := jetstream.New(nc)
	w.must(err, "open JetStream")
	topology := natsdeploy.Topology{Participants: []events.Participant{w.Participant},
		Downstream: []natsdeploy.Subscriber{{Name: Downstream}}}
	_, err = natsdeploy.Apply(w.Context(), js, topology)
	w.must(err, "apply the definitions")
}

// heard keeps the participant's answers; one that the contract refuses fails the test.
func (w *world) heard(m events.Message) {
	e, err := events.Decode(m)
	if err != nil {
		w.Errorf("the participant published what the contract refuses: %v\n%s", err, m.Body)
		return
	}
	if result, ok := e.Data.(*events.Result); ok {
		w.results <- result
	}
}

// process starts a command and kills it when the test ends. What it wrote is shown when the test has failed.
func (w *world) process(cmd *exec.Cmd) (kill func()) {
	w.Helper()
	kill, _ = w.logged(cmd)
	return kill
}

// logged is process, and the file in which is written what the command writes.
func (w *world) logged(cmd *exec.Cmd) (kill func(), path string) {
	w.Helper()
	log, err := os.CreateTemp(w.TempDir(), "*.log")
	w.must(err, "make a log")
	cmd.Stdout, cmd.Stderr = log, log
	w.must(cmd.Start(), "start "+cmd.Path)
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	kill = func() {
		_ = cmd.Process.Kill() // kill -9
		<-done
	}
	w.Cleanup(func() {
		kill()
		if text, err := os.ReadFile(log.Name()); err == nil && w.Failed() {
			w.Logf("%s wrote:\n%s", cmd.Path, text)
		}
	})
	return kill, log.Name()
}

// start starts the participant on the broker, or on a proxy before it, and waits until it answers.
func (w *world) start(url string) (kill func()) {
	w.Helper()
	kill = w.process(w.Command(url, w.signer.PublicKey()))
	w.await("the participant to answer", func(ctx context.Context) bool {
		_, err := w.bus.Ping(ctx, events.ServiceName(w.Participant))
		return err == nil
	})
	return kill
}

// await asks again until the answer is yes.
func (w *world) await(what string, ask func(context.Context) bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), waitMax)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		once, end := context.WithTimeout(ctx, askMax)
		yes := ask(once)
		end()
		if yes {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.Fatalf("waited in vain for %s", what)
		}
	}
}

// tenant is a new tenant with rows, and their numbers.
func (w *world) tenant() (events.TenantID, map[string]int64) {
	w.Helper()
	tenant := events.TenantID("t-" + string(events.NewJobID()))
	return tenant, w.fill(tenant)
}

// fill makes rows of a tenant that has no fence.
func (w *world) fill(tenant events.TenantID) map[string]int64 {
	w.Helper()
	counts, err := w.Seed(w.Context(), tenant)
	w.must(err, "make rows")
	return counts
}

// preview asks the participant what it would delete now.
func (w *world) preview(tenant events.TenantID) map[string]int64 {
	w.Helper()
	body, err := json.Marshal(events.PreviewRequest{TenantID: tenant})
	w.must(err, "encode a preview request")
	answer, err := w.bus.Request(w.Context(), events.Message{Subject: events.PreviewSubject(w.Participant), Body: body})
	w.must(err, "ask for a preview")
	var preview events.Preview
	decoder := json.NewDecoder(bytes.NewReader(answer.Body))
	decoder.DisallowUnknownFields()
	w.must(decoder.Decode(&preview), "decode the preview")
	if preview.Error != nil || preview.TenantID != tenant || preview.ServiceName != w.Participant {
		w.Fatalf("no preview: %s", answer.Body)
	}
	return preview.Counts
}

// command is a first attempt for the tenant.
func (w *world) command(tenant events.TenantID) *events.Command {
	now := time.Now().UTC()
	return &events.Command{JobID: events.NewJobID(), TenantID: tenant, Generation: 1, Wave: 1, Attempt: 1,
		Participants: []events.Participant{w.Participant}, Reason: "contract_ended", RequestedAt: now, ExpiresAt: now.Add(time.Hour)}
}

func (w *world) encode(kind events.Type, c *events.Command) events.Message {
	w.Helper()
	m, err := events.Encode(events.Event{ID: events.EventIDFor(c.JobID, kind, "", c.Wave, c.Attempt),
		Source: events.SourceCoordinator, Type: kind, Subject: c.TenantID, Time: c.RequestedAt, Data: c})
	w.must(err, "encode a command")
	return m
}

// send signs and publishes a command.
func (w *world) send(kind events.Type, c *events.Command) {
	w.Helper()
	m, err := w.signer.Sign(w.encode(kind, c))
	w.must(err, "sign a command")
	w.must(w.bus.Publish(w.Context(), m), "publish a command")
}

// answer is the participant's next result, which must be of the command.
func (w *world) answer(c *events.Command) *events.Result {
	w.Helper()
	select {
	case r := <-w.results:
		if r.JobID != c.JobID || r.Attempt != c.Attempt {
			w.Fatalf("answered job %s attempt %d instead of job %s attempt %d", r.JobID, r.Attempt, c.JobID, c.Attempt)
		}
		return r
	case <-time.After(waitMax):
		w.Fatal("waited in vain for a result")
		return nil
	}
}
