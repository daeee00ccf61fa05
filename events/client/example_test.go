package client_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/events/client"
)

// gone is the event that the coordinator publishes when everything of a tenant is proven gone.
func gone(tenant events.TenantID, generation int) events.Message {
	job, at := events.JobID(fmt.Sprintf("01998000-0000-7000-8000-%012d", generation)), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m, err := events.Encode(events.Event{
		ID: events.EventIDFor(job, events.TypeDeleted, "", 0, 1), Source: events.SourceCoordinator, Type: events.TypeDeleted,
		Subject: tenant, Time: at,
		Data: &events.Deleted{JobID: job, TenantID: tenant, Generation: generation, Total: 3, SubmittedAt: at, CompletedAt: at,
			DeletedCounts: map[events.Participant]map[string]int64{"orders": {"orders": 3}}},
	})
	if err != nil {
		panic(err)
	}
	return m
}

// A subscriber gets what was published before it came, handles it, and drains when its context ends.
func ExampleDeleted() {
	b := bus.NewMemory(bus.MemoryConfig{Downstream: []string{"billing"}})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := b.Publish(ctx, gone("bakery-7", 1)); err != nil {
		fmt.Println(err)
		return
	}
	err := client.Deleted(ctx, b, "billing", func(_ context.Context, e events.Event, d *events.Deleted) error {
		fmt.Println(e.ID, d.TenantID, d.Total)
		cancel()
		return nil
	}, client.Config{})
	fmt.Println(err)
	// Output:
	// a84c4b04-2f82-5317-b2b6-83d57cc327bb bakery-7 3
	// <nil>
}

// A request is accepted once it is stored; a mistake is named and nothing is sent.
func ExampleSubmit() {
	b := bus.NewMemory(bus.MemoryConfig{})
	request := events.Submitted{RequestID: "contract-4711", TenantID: "bakery-7", Source: "crm", Reason: "contract_ended",
		RequestedBy: "user-9"}
	accepted, err := client.Submit(context.Background(), b, request)
	fmt.Println(accepted.EventID == request.EventID(), err)

	request.Reason = "they left us"
	_, err = client.Submit(context.Background(), b, request)
	fmt.Println(err)
	fmt.Println(client.Repeat(err))
	// Output:
	// true <nil>
	// client: submit: events: encode tenant.deletion.submitted: data: reason: invalid: must be a code of a-z and _, at most 64
	// false
}

// Look, Submit, Await: nothing is missed in between, and an older deletion of the same tenant id is not taken for this one.
func ExampleAwait() {
	b := bus.NewMemory(bus.MemoryConfig{})
	ctx := context.Background()
	request := events.Submitted{RequestID: "contract-4712", TenantID: "bakery-7", Source: "crm", Reason: "contract_ended",
		RequestedBy: "user-9"}
	err := b.Publish(ctx, gone("bakery-7", 1)) // the tenant was deleted, and created again
	fmt.Println(err)

	place, err := client.Look(ctx, b, request.TenantID)
	fmt.Println(place, err)
	_, err = client.Submit(ctx, b, request)
	fmt.Println(err)
	err = b.Publish(ctx, gone("bakery-7", 2)) // the coordinator and the participants have done their work
	fmt.Println(err)
	ending, err := client.Await(ctx, b, request, client.AwaitConfig{After: place})
	fmt.Println(ending.Deleted.Generation, err)
	// Output:
	// <nil>
	// 1 <nil>
	// <nil>
	// <nil>
	// 2 <nil>
}

// A plain subscriber hears the same body on tenant.deleted, as long as it listens.
func ExampleOpen() {
	b := bus.NewMemory(bus.MemoryConfig{})
	heard := make(chan string)
	err := b.Watch(context.Background(), events.SubjectDeletedPlain, func(m events.Message) {
		_, d, err := client.Open(m)
		heard <- fmt.Sprint(d.TenantID, " ", err)
	})
	fmt.Println(err)
	err = b.Publish(context.Background(), gone("bakery-7", 1))
	fmt.Println(err)
	fmt.Println(<-heard)
	// Output:
	// <nil>
	// <nil>
	// bakery-7 <nil>
}

// closeAccount is what a subscriber does in its own database.
func closeAccount(ctx context.Context, tx *sql.Tx, _ events.Event, d *events.Deleted) error {
	_, err := tx.ExecContext(ctx, "UPDATE accounts SET closed_at = $2 WHERE tenant_id = $1", string(d.TenantID), d.CompletedAt)
	return err
}

// subscribe runs a subscriber in production until the process is asked to end.
func subscribe(url string, db *sql.DB, coordinator events.PublicKey) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	b, err := bus.Open(ctx, bus.Config{URL: url, Name: "billing"})
	if err != nil {
		return err
	}
	defer b.Close()
	return client.Deleted(ctx, b, "billing", client.Once(db, "billing", closeAccount),
		client.Config{TrustedKeys: []events.PublicKey{coordinator}})
}

// The effect and the memory of the event commit together.
func ExampleOnce() {
	_ = subscribe // needs a broker and a database
	// Output:
}

// deleteTenant asks for a deletion and goes on only when the answer is there.
func deleteTenant(ctx context.Context, b *bus.JetStream, tenant events.TenantID, contract string, log zerolog.Logger) error {
	request := events.Submitted{RequestID: contract, TenantID: tenant, Source: "crm", Reason: "contract_ended",
		RequestedBy: "user-9"}
	place, err := client.Look(ctx, b, tenant)
	if err != nil {
		return err
	}
	if _, err = client.Submit(ctx, b, request); err != nil {
		return err // client.Repeat(err) says whether the same call may succeed later
	}
	ending, err := client.Await(ctx, b, request, client.AwaitConfig{After: place, Report: func(o *events.Outcome) {
		log.Warn().Str("job", string(o.JobID)).Str("kind", o.State).Msg(o.Reason)
	}})
	if err != nil {
		return err
	}
	if ending.Outcome != nil {
		return errors.New("not deleted: " + ending.Outcome.Reason)
	}
	return nil
}

// A job that failed is reported and waited for: a person repairs it.
func ExampleAwait_report() {
	_ = deleteTenant // needs a broker
	// Output:
}
