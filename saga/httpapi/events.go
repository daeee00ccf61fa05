package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

func (a *API) mountEvents() {
	register(a, operation{id: "listJobEvents", method: http.MethodGet, path: jobPath + "/events", tag: tagJobs,
		summary: "Read a job's history, oldest first", description: "Every change of a job is one entry; numbers have no gaps.",
		refuses: []int{http.StatusNotFound}, answer: exampleEntries}, a.listJobEvents)
	register(a, operation{id: "followJob", method: http.MethodGet, path: jobPath + "/events/live", tag: tagJobs, timeout: -1,
		summary: "Follow a job live",
		description: "Server-sent events: `entry`, whose id is its number, and `progress`, which is not stored and has no id. " +
			"The stream ends when the job has ended. After a loss the header Last-Event-ID goes on where it was.",
		refuses: []int{http.StatusNotFound, http.StatusTooManyRequests}, describe: a.describeStream}, a.followJob)
}

type listJobEventsInput struct {
	JobPath
	After int64 `query:"after" minimum:"0" default:"0" doc:"Entries with a higher number."`
	Limit int   `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"The most entries of an answer."`
}

type entriesAnswer struct{ Body Entries }

func (a *API) listJobEvents(ctx context.Context, _ Caller, in *listJobEventsInput) (*entriesAnswer, error) {
	if _, err := a.cfg.Coordinator.Job(ctx, in.JobID); err != nil { // what is not there has no history either
		return nil, err
	}
	history, err := a.cfg.Coordinator.History(ctx, in.JobID, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &entriesAnswer{Body: Entries{Events: make([]Entry, 0, len(history)), Last: in.After}}
	for i := range history {
		out.Body.Events, out.Body.Last = append(out.Body.Events, entryOf(history[i])), history[i].Number
	}
	return out, nil
}

type followJobInput struct {
	JobPath
	LastEventID string `header:"Last-Event-ID" pattern:"^(0|[1-9][0-9]{0,17})$" doc:"The number of the last entry that was seen."`
	After       int64  `query:"after" minimum:"0" default:"0" doc:"The same, for a first connection; the header counts more."`
}

func (a *API) followJob(ctx context.Context, _ Caller, in *followJobInput) (*huma.StreamResponse, error) {
	after := in.After
	if in.LastEventID != "" {
		var err error
		if after, err = strconv.ParseInt(in.LastEventID, 10, 64); err != nil {
			return nil, invalidField("header.Last-Event-ID", "must be the number of an entry")
		}
	}
	if _, err := a.cfg.Coordinator.Job(ctx, in.JobID); err != nil {
		return nil, err
	}
	release, err := a.takeStream()
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer release()
		r, w := humago.Unwrap(hctx)
		s := newStream(w)
		if r.Method == http.MethodHead {
			return
		}
		c, _ := r.Context().Value(callKey{}).(call)
		err := s.run(r.Context(), a.ending, a.cfg.Heartbeat, func(ctx context.Context) error {
			return a.cfg.Coordinator.Follow(ctx, in.JobID, after, s.tell)
		})
		if err != nil && r.Context().Err() == nil && a.ending.Err() == nil && !s.broken() {
			_ = fail(c.logger, err) // the answer has begun: the reader comes back for the rest
		}
	}}, nil
}

// takeStream takes one of the streams that this process serves at once.
func (a *API) takeStream() (release func(), err error) {
	if a.ending.Err() != nil {
		return nil, ErrUnavailable
	}
	select {
	case a.streams <- struct{}{}:
		return func() { <-a.streams }, nil
	default:
		return nil, problemOf(http.StatusTooManyRequests)
	}
}

// describeStream writes down what huma cannot know of a stream that is written by hand.
func (a *API) describeStream(op *huma.Operation) {
	schemas := a.huma.OpenAPI().Components.Schemas
	message := func(event, summary string, data *huma.Schema, id bool) *huma.Schema {
		s := &huma.Schema{Type: huma.TypeObject, Title: event, Description: summary, Required: []string{"event", "data"},
			Properties: map[string]*huma.Schema{"event": {Type: huma.TypeString, Enum: []any{event}}, "data": data}}
		if id {
			s.Properties["id"] = &huma.Schema{Type: huma.TypeInteger, Description: "The entry's number."}
			s.Required = append(s.Required, "id")
		}
		return s
	}
	op.Responses["200"] = &huma.Response{
		Description: "A stream of messages, each of one of these forms; a comment every 15 s shows that it lives.",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{
			OneOf: []*huma.Schema{
				message("entry", "An entry of the job's history.", schemas.Schema(typeOf[Entry](), true, ""), true),
				message("progress", "What a participant has deleted so far.", schemas.Schema(typeOf[events.Progress](), true, ""), false),
			}}}}},
	}
}

var _ func(saga.Happening) error = (*stream)(nil).tell
