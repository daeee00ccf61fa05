package participants_test

import (
	"context"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/participantstest"
)

// A service takes part: it answers a preview, deletes for a signed command, and publishes what it deleted. Memory stands in
// for the broker and for the service's database; see participants/example/loyalty for a service with tables.
func Example() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	seed, _ := events.NewSeed()
	coordinator, _ := events.NewSigner(seed)
	b := bus.NewMemory(bus.MemoryConfig{Participants: []events.Participant{"orders"}})
	ledger := participantstest.NewMemory("customers", "orders")
	ledger.Seed("acme", 7)

	orders, err := participants.New(participants.Service{Name: "orders", Ledger: ledger}, b, participants.Config{
		TrustedKeys: []events.PublicKey{coordinator.PublicKey()},
		Reached: func(p participants.Point) {
			if p == participants.PointPublished {
				stop() // an example ends after one answer; a service runs until it is shut down
			}
		},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println("would delete:", orders.Preview(ctx, "acme").Counts)

	now := time.Now()
	job := events.NewJobID()
	message, _ := events.Encode(events.Event{
		ID: events.EventIDFor(job, events.TypeRequested, "", 1, 1), Source: events.SourceCoordinator,
		Type: events.TypeRequested, Subject: "acme", Time: now,
		Data: &events.Command{JobID: job, TenantID: "acme", Generation: 1, Wave: 1, Attempt: 1, Reason: "contract_ended",
			Participants: []events.Participant{"orders"}, RequestedAt: now, ExpiresAt: now.Add(time.Hour)},
	})
	message, _ = coordinator.Sign(message)
	if err := b.Publish(ctx, message); err != nil {
		panic(err)
	}
	if err := orders.Run(ctx); err != nil {
		panic(err)
	}

	stored, _ := b.Last(context.Background(), events.StreamEvents, "tenant.deletion.result.orders.acme")
	answer, _ := events.Decode(stored.Message)
	result := answer.Data.(*events.Result)
	fmt.Println("success:", result.Success, "deleted:", result.DeletedCounts)
	// Output:
	// would delete: map[customers:7 orders:7]
	// success: true deleted: map[customers:7 orders:7]
}
