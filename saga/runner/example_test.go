package runner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/runner"
	"github.com/bakery-ia/tenant-deletion/saga/sagatest"
)

// One participant, everything in memory: the job runs from the request to tenant.deleted.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	store := sagatest.NewMemory()
	broker := bus.NewMemory(bus.MemoryConfig{Participants: []events.Participant{"orders"}})
	seed, _ := events.NewSeed()
	signer, _ := events.NewSigner(seed)

	_ = store.SetRoster(ctx, []saga.RosterEntry{{Participant: "orders", Wave: 1}})
	deleted := make(chan events.Message, 1)
	_ = broker.Watch(ctx, events.SubjectDeletedPlain, func(m events.Message) { deleted <- m })
	serveOrders(ctx, broker)

	coordinator, err := runner.New(store, broker, runner.Config{Signer: signer})
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error, 1)
	go func() { ended <- coordinator.Run(ctx) }()

	job, _, err := coordinator.Submit(ctx, events.Submitted{RequestID: "r-1", TenantID: "acme", Source: "crm",
		Reason: "contract_ended", RequestedBy: "actor-1"}, saga.Asker{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("submitted:", job.State)
	<-deleted
	job, _ = coordinator.Job(ctx, job.ID)
	fmt.Println("ended:", job.State, "rows:", job.Total())
	cancel()
	fmt.Println("coordinator:", <-ended)
	// Output:
	// submitted: deleting
	// ended: completed rows: 42
	// coordinator: <nil>
}

// serveOrders is the smallest participant there can be; package participants makes real ones.
func serveOrders(ctx context.Context, b bus.Bus) {
	service := bus.Service{Name: "orders", Version: "1.0.0", Subject: events.PreviewSubject("orders")}
	_ = b.Serve(ctx, service, func(context.Context, events.Message) ([]byte, error) {
		return json.Marshal(events.Preview{TenantID: "acme", ServiceName: "orders", Counts: map[string]int64{"orders": 0}})
	})
	answer := func(ctx context.Context, batch []bus.Delivery) []error {
		command, err := events.Decode(batch[0].Message)
		if err != nil {
			return []error{bus.Poison("not a command")}
		}
		c := command.Data.(*events.Command)
		m, err := events.Encode(events.Event{ID: events.EventIDFor(c.JobID, events.TypeResult, "orders", 0, c.Attempt),
			Source: "/participants/orders", Type: events.TypeResult, Subject: c.TenantID, Time: time.Now(),
			Data: &events.Result{TenantID: c.TenantID, ServiceName: "orders", Success: true,
				DeletedCounts: map[string]int64{"orders": 42}, Errors: []events.Problem{}, Timestamp: time.Now(),
				JobID: c.JobID, Generation: c.Generation, Attempt: c.Attempt, RequestID: command.ID}})
		if err == nil {
			err = b.Publish(ctx, m)
		}
		return []error{err}
	}
	go func() { _ = b.Consume(ctx, bus.Consumer{Stream: events.StreamEvents, Name: "orders"}, answer) }()
}
