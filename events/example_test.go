package events_test

import (
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// A result travels as a signed message, and is read back only when nothing was changed on the way.
func Example() {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	const job events.JobID = "01932f5e-7c00-7abc-8def-0123456789ab"
	message, err := events.Encode(events.Event{
		ID:      events.EventIDFor(job, events.TypeResult, "training", 1, 1),
		Source:  "/participants/training",
		Type:    events.TypeResult,
		Subject: "abc-123",
		Time:    now,
		Data: &events.Result{TenantID: "abc-123", ServiceName: "training", Success: true,
			DeletedCounts: map[string]int64{"trained_models": 45, "model_artifacts": 90}, Errors: []events.Problem{},
			Timestamp: now, JobID: job, Generation: 1, Attempt: 1, RequestID: "requested-1"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	event, err := events.Decode(message)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(message.Subject, event.Data.(*events.Result).Total())

	message.Subject = "tenant.deletion.result.training.abc-124"
	_, err = events.Decode(message)
	fmt.Println(err)
	// Output:
	// tenant.deletion.result.training.abc-123 135
	// subject: invalid: the NATS subject does not belong to this tenant.deletion.result event
}
