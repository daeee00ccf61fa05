package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/bakery-ia/tenant-deletion/events"
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

// Approval repeats what is approved.
type Approval struct {
	Preview string `json:"preview,omitempty" pattern:"^pv_[a-z2-7]{26}$" doc:"The fingerprint that the job confirms."`
}

type approveInput struct {
	ActPath
	Body *Approval
}

// Renewal names another preview.
type Renewal struct {
	Preview string `json:"preview" pattern:"^pv_[a-z2-7]{26}$" doc:"The fingerprint of a preview of now."`
}

type renewInput struct {
	ActPath
	Body Renewal
}

// Waive names the participant without which a job is closed, and why.
type Waive struct {
	Participant events.Participant `json:"participant" pattern:"^[a-z][a-z0-9_]{0,31}$"`
	Reason      string             `json:"reason" minLength:"1" maxLength:"200" doc:"Why, without tenant data."`
}

type waiveInput struct {
	ActPath
	Body Waive
}

func (a *API) mountActions() {
	refuses := []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired}
	withBody := append([]int{http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}, refuses...)
	register(a, operation{id: "approveJob", method: http.MethodPost, path: jobPath + "/approve", tag: tagJobs,
		success: http.StatusAccepted, summary: "Let an awaiting job begin",
		description: "The grace begins. Neither who asked for the job nor on whose behalf it was asked may approve it. The approval " +
			"of a job that confirms a preview repeats its fingerprint.",
		refuses: withBody, required: []string{"If-Match"}, body: Approval{Preview: exampleFingerprint}, answer: exampleJob()},
		func(ctx context.Context, caller Caller, in *approveInput) (*jobAnswer, error) {
			approve := saga.Approve{By: caller.Subject}
			if in.Body != nil {
				approve.Preview = in.Body.Preview
			}
			return a.act(ctx, &in.ActPath, approve)
		})
	register(a, operation{id: "renewPreview", method: http.MethodPost, path: jobPath + "/renew", tag: tagJobs,
		success: http.StatusAccepted, summary: "Confirm another preview for a job that has not begun",
		description: "For a job that found other rows than were confirmed (blocked by preview_drifted). What needs a second person's " +
			"approval needs it again. Just before the first delete everybody is counted once more.",
		refuses: withBody, required: []string{"If-Match"}, body: Renewal{Preview: exampleFingerprint}, answer: exampleJob()},
		func(ctx context.Context, caller Caller, in *renewInput) (*jobAnswer, error) {
			return a.act(ctx, &in.ActPath, saga.Renew{By: caller.Subject, Fingerprint: in.Body.Preview})
		})
	register(a, operation{id: "waiveStep", method: http.MethodPost, path: jobPath + "/waive", tag: tagJobs,
		success: http.StatusAccepted, summary: "Close a job without a participant that failed or is silent",
		description: "Nothing is proven of the participant: the job and its tenant.deleted name it. Everybody else still proves " +
			"zero. Where the policy asks for two persons, the second one decides the same.",
		refuses: withBody, required: []string{"If-Match"}, body: Waive{Participant: "orders", Reason: "shut down in 2025"},
		answer: exampleJob()},
		func(ctx context.Context, caller Caller, in *waiveInput) (*jobAnswer, error) {
			return a.act(ctx, &in.ActPath, saga.Waive{By: caller.Subject, Participant: in.Body.Participant, Reason: in.Body.Reason})
		})
	for _, action := range []struct {
		id, verb, summary, description string
		input                          func(by string) saga.Input
	}{
		{"rejectJob", "reject", "End an awaiting job", "Nothing is deleted.",
			func(by string) saga.Input { return saga.Reject{By: by} }},
		{"cancelJob", "cancel", "End a job before its first delete", "Once the first command was sent a job only goes forward.",
			func(by string) saga.Input { return saga.Cancel{By: by} }},
	} {
		register(a, operation{id: action.id, method: http.MethodPost, path: jobPath + "/" + action.verb, tag: tagJobs,
			success: http.StatusAccepted, summary: action.summary, description: action.description,
			refuses: refuses, required: []string{"If-Match"}, answer: exampleJob()},
			func(ctx context.Context, caller Caller, in *ActPath) (*jobAnswer, error) {
				return a.act(ctx, in, action.input(caller.Subject))
			})
	}
}

// act feeds an input to the job at the version that the caller has seen.
func (a *API) act(ctx context.Context, in *ActPath, decided saga.Input) (*jobAnswer, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	job, err := a.cfg.Coordinator.Act(ctx, in.JobID, version, decided)
	if err != nil {
		return nil, atState(err, job)
	}
	answered := a.accepted(job)
	return &answered, nil
}
