package sagatest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/sagatest"
)

// A store in memory takes a submission, and hands its first command to a relay.
func ExampleNewMemory() {
	ctx, store := context.Background(), sagatest.NewMemory()
	if err := store.SetRoster(ctx, []saga.RosterEntry{{Participant: "orders", Wave: 1}}); err != nil {
		fmt.Println(err)
		return
	}
	outcomes, err := store.Submit(ctx, time.Now(), saga.Submission{Submitted: events.Submitted{
		RequestID: "r-1", TenantID: "t1", Source: "tenants", Reason: "contract_ended", RequestedBy: "user-1",
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(outcomes[0].Decision.Job.State)
	sent, _, err := store.Relay(ctx, 10, func(_ context.Context, unsent []events.Message) ([]int, error) {
		fmt.Println(unsent[0].Subject)
		return nil, nil
	})
	fmt.Println(sent, err)

	// Output:
	// deleting
	// tenant.deletion.requested.t1
	// 1 <nil>
}
