package bus_test

import (
	"context"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// A participant's consumer gets what was published before it came, and acknowledges by returning nil.
func Example() {
	b := bus.NewMemory(bus.MemoryConfig{Participants: []events.Participant{"orders"}})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := b.Publish(ctx, events.Message{
		Subject: events.RequestedSubject("bakery-7"),
		Header:  map[string]string{events.HeaderMsgID: "requested-1"},
		Body:    []byte(`{}`),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	orders := bus.Consumer{Stream: events.StreamEvents, Name: "orders"}
	err = b.Consume(ctx, orders, func(_ context.Context, batch []bus.Delivery) []error {
		fmt.Println(batch[0].Subject, batch[0].Delivered)
		cancel()
		return nil
	})
	fmt.Println(err)
	// Output:
	// tenant.deletion.requested.bakery-7 1
	// <nil>
}
