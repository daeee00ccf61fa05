package erasectl

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// samplePrefix begins every tenant id that a sample may name, so that no sample can name a tenant of customers.
const samplePrefix = "test-"

// sampled are the types of which samples are made, the default first. Commands are missing: participants delete for them.
var sampled = []string{string(events.TypeDeleted), string(events.TypeSubmitted), string(events.TypeResult),
	string(events.TypeFailed), string(events.TypeCancelled), string(events.TypeProgress)}

// checkSample refuses what must not be made up, before anything is connected to.
func checkSample(kind, tenant, participant string) (events.Type, events.TenantID, events.Participant, error) {
	switch t := events.Type(kind); {
	case t == events.TypeRequested || t == events.TypeReplayed:
		return "", "", "", app.Usage("events trigger: %s is a command: participants delete for it, so only a coordinator sends it; "+
			"submit a request instead (erasectl request)", t)
	case !slices.Contains(sampled, kind):
		return "", "", "", app.Usage("events trigger: TYPE must be one of %s", strings.Join(sampled, ", "))
	}
	id, err := events.ParseTenantID(tenant)
	if err != nil || !strings.HasPrefix(tenant, samplePrefix) || tenant == samplePrefix {
		return "", "", "", app.Usage("--tenant: must begin with %s, then a-z A-Z 0-9 _ -: a sample may not name a tenant of customers",
			samplePrefix)
	}
	p, err := events.ParseParticipant(participant)
	if err != nil {
		return "", "", "", app.Usage("--participant: %w", err)
	}
	return events.Type(kind), id, p, nil
}

// sample is a valid event of the type. Its job is new, so that it can answer for no job that exists.
func sample(t events.Type, tenant events.TenantID, p events.Participant, now time.Time) (events.Event, error) {
	job, at := events.NewJobID(), now.UTC().Truncate(time.Microsecond)
	e := events.Event{ID: events.EventID(uuid.NewString()), Source: events.SourceCoordinator, Type: t, Subject: tenant, Time: at}
	counts := map[string]int64{"order_items": 12, "orders": 4}
	outcome := events.Outcome{JobID: job, TenantID: tenant, Generation: 1, At: at, Source: "erasectl", RequestID: "sample"}
	switch t {
	case events.TypeDeleted:
		e.Data = &events.Deleted{JobID: job, TenantID: tenant, Generation: 1, Total: 16, SubmittedAt: at.Add(-time.Minute),
			CompletedAt: at, DeletedCounts: map[events.Participant]map[string]int64{p: counts}}
	case events.TypeSubmitted:
		submitted := &events.Submitted{RequestID: "sample-" + string(job), TenantID: tenant, Source: "erasectl", Reason: "sample",
			RequestedBy: "erasectl"}
		return submitted.Event(at), nil
	case events.TypeResult:
		e.Source = "/participants/" + string(p)
		e.Data = &events.Result{TenantID: tenant, ServiceName: p, Success: true, DeletedCounts: counts, Errors: []events.Problem{},
			Timestamp: at, JobID: job, Generation: 1, Attempt: 1, RequestID: events.EventID(uuid.NewString()), Mode: "transaction",
			DurationMS: 21}
	case events.TypeFailed:
		outcome.State, outcome.Reason, outcome.Participants = string(saga.StateFailed), "participant_failed", []events.Participant{p}
		e.Data = &outcome
	case events.TypeCancelled:
		outcome.State, outcome.Reason = string(saga.StateCancelled), "cancelled"
		e.Data = &outcome
	case events.TypeProgress:
		e.Source = "/participants/" + string(p)
		e.Data = &events.Progress{JobID: job, TenantID: tenant, ServiceName: p, Attempt: 1, Deleted: 12, Table: "order_items"}
	default:
		return events.Event{}, fmt.Errorf("events trigger: no sample of %s", t)
	}
	return e, nil
}
