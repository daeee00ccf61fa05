package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/bakery-ia/tenant-deletion/saga"
)

// ActPath is a job at the version that the caller has seen.
type ActPath struct {
	JobPath
	IfMatch string `header:"If-Match" pattern:"^(\\*|\"[1-9][0-9]{0,17}\")$" doc:"The version that was read, quoted, or *."`
}

// version is the one that the job must be at; zero is any.
func (in *ActPath) version() (int64, error) {
	if in.IfMatch == "" {
		return 0, problemOf(http.StatusPreconditionRequired)
	}
	if in.IfMatch == "*" {
		return 0, nil
	}
	return strconv.ParseInt(strings.Trim(in.IfMatch, `"`), 10, 64)
}

func (a *API) mountActions() {
	for _, action := range []struct {
		id, verb, summary, description string
		input                          func(by string) saga.Input
	}{
		{"approveJob", "approve", "Let an awaiting job begin", "The grace begins. Whoever asked for the job may not approve it.",
			func(by string) saga.Input { return saga.Approve{By: by} }},
		{"rejectJob", "reject", "End an awaiting job", "Nothing is deleted.",
			func(by string) saga.Input { return saga.Reject{By: by} }},
		{"cancelJob", "cancel", "End a job before its first delete", "Once the first command was sent a job only goes forward.",
			func(by string) saga.Input { return saga.Cancel{By: by} }},
	} {
		register(a, operation{id: action.id, method: http.MethodPost, path: jobPath + "/" + action.verb, tag: tagJobs,
			success: http.StatusAccepted, summary: action.summary, description: action.description,
			refuses:  []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
			required: []string{"If-Match"}, answer: exampleJob()},
			func(ctx context.Context, caller Caller, in *ActPath) (*jobAnswer, error) {
				version, err := in.version()
				if err != nil {
					return nil, err
				}
				job, err := a.cfg.Coordinator.Act(ctx, in.JobID, version, action.input(caller.Subject))
				if err != nil {
					return nil, atState(err, job)
				}
				answered := a.accepted(job)
				return &answered, nil
			})
	}
}
