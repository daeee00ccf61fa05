package erasectl

import (
	"fmt"
	"strings"
	"time"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
)

// heard is an event as a line of events tail.
type heard struct {
	at          time.Time
	kind        string
	tenant      string
	participant string
	summary     string
}

// hear reads a message for people. One that cannot be read is shown as that, by what its subject says.
func hear(m events.Message, at time.Time) heard {
	e, err := events.Decode(m)
	if err != nil {
		kind, tenant := typeAndTenant(m.Subject)
		return heard{at: at, kind: kind, tenant: tenant, summary: "cannot be read: " + app.OneLine(err.Error())}
	}
	h := heard{at: e.Time, kind: string(e.Type), tenant: string(e.Subject)}
	h.participant, h.summary = summarize(e)
	h.summary = app.OneLine(h.summary)
	return h
}

// typeAndTenant reads a subject: the type it begins with, and its last token. A subject of no type is given back whole.
func typeAndTenant(subject string) (kind, tenant string) {
	for _, t := range wire {
		if rest, ok := strings.CutPrefix(subject, string(t)+"."); ok {
			return string(t), app.OneLine(rest[strings.LastIndexByte(rest, '.')+1:])
		}
	}
	return app.OneLine(subject), ""
}

func summarize(e events.Event) (participant, summary string) {
	switch data := e.Data.(type) {
	case *events.Submitted:
		return "", fmt.Sprintf("%s asks, reason %s, request %s", data.Source, data.Reason, data.RequestID)
	case *events.Command:
		if len(data.Participants) == 1 {
			participant = string(data.Participants[0])
		}
		return participant, fmt.Sprintf("wave %d, attempt %d, %s", data.Wave, data.Attempt,
			plural(len(data.Participants), "participant"))
	case *events.Result:
		return string(data.ServiceName), summarizeResult(data)
	case *events.Outcome:
		if len(data.Participants) == 1 {
			participant = string(data.Participants[0])
		}
		return participant, data.State + ": " + data.Reason
	case *events.Deleted:
		summary = fmt.Sprintf("%d deleted by %s", data.Total, plural(len(data.DeletedCounts), "participant"))
		if data.Round > 1 {
			summary += fmt.Sprintf(", round %d", data.Round)
		}
		return "", summary
	case *events.Progress:
		summary = fmt.Sprintf("%d deleted so far", data.Deleted)
		if data.Done {
			summary = fmt.Sprintf("%d deleted, done", data.Deleted)
		}
		return string(data.ServiceName), summary
	}
	return "", ""
}

func summarizeResult(r *events.Result) string {
	if !r.Success {
		codes := make([]string, len(r.Errors))
		for i, problem := range r.Errors {
			codes[i] = problem.Code
		}
		return "did not delete: " + strings.Join(codes, ", ")
	}
	if r.Replayed {
		return fmt.Sprintf("%d deleted, from the receipt", r.Total())
	}
	return fmt.Sprintf("%d deleted in %d ms", r.Total(), r.DurationMS)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
