package saga_test

import (
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// A job of one participant, from the request to the proof.
func Example() {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d, err := saga.Start(saga.Request{
		Submitted: events.Submitted{
			RequestID: "r-1", TenantID: "t1", Source: "tenants", Reason: "contract_ended", RequestedBy: "user-1"},
		ID: "01890000-0000-7000-8000-000000000001", Generation: 1, At: at,
		Roster: []saga.RosterEntry{{Participant: "orders", Wave: 1}},
		Policy: saga.Policy{Grace: time.Hour},
	})
	show(d, err)

	d, err = saga.Decide(d.Job, saga.Tick{}, at.Add(time.Hour))
	show(d, err)

	d, err = saga.Decide(d.Job, saga.Answered{Result: events.Result{
		JobID: d.Job.ID, TenantID: "t1", Generation: 1, ServiceName: "orders", Attempt: 1,
		Success: true, Timestamp: at, DeletedCounts: map[string]int64{"orders": 3, "order_items": 12},
	}}, at.Add(time.Hour))
	show(d, err)

	d, err = saga.Decide(d.Job, saga.Verified{Previews: []events.Preview{
		{TenantID: "t1", ServiceName: "orders", Counts: map[string]int64{"orders": 0, "order_items": 0}},
	}}, at.Add(time.Hour))
	show(d, err)

	// Output:
	// scheduled, because of grace
	// deleting, sends tenant.deletion.requested
	// verifying, counts [orders]
	// completed, sends tenant.deleted
}

func show(d saga.Decision, err error) {
	if err != nil {
		fmt.Println(err)
		return
	}
	line := string(d.Job.State)
	if d.Job.Blocked != nil {
		line += ", because of " + d.Job.Blocked.Code
	}
	for _, e := range d.Events {
		line += ", sends " + string(e.Type)
	}
	if len(d.Verify) > 0 {
		line += fmt.Sprintf(", counts %v", d.Verify)
	}
	fmt.Println(line)
}
