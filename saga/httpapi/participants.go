package httpapi

import (
	"context"
	"net/http"

	"github.com/bakery-ia/tenant-deletion/saga"
)

const participantsPath = "/api/v1/participants"

func (a *API) mountParticipants() {
	register(a, operation{id: "listParticipants", method: http.MethodGet, path: participantsPath, tag: tagParticipants,
		summary: "List who must take part", description: "With whether an instance answers now, and where it failed.",
		answer: exampleParticipants}, a.listParticipants)
	register(a, operation{id: "setRoster", method: http.MethodPut, path: participantsPath, tag: tagParticipants,
		summary:     "Replace who must take part in new jobs",
		description: "Jobs that exist keep the roster they were made with.",
		refuses:     []int{http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
		body:        exampleRoster, answer: exampleParticipants}, a.setRoster)
}

type participantsAnswer struct{ Body Participants }

func (a *API) listParticipants(ctx context.Context, _ Caller, _ *struct{}) (*participantsAnswer, error) {
	present, err := a.cfg.Rosters.Participants(ctx)
	if err != nil {
		return nil, err
	}
	out := &participantsAnswer{Body: Participants{Participants: make([]Participant, 0, len(present))}}
	for _, p := range present {
		out.Body.Participants = append(out.Body.Participants, Participant{Participant: p.Participant, Wave: p.Wave, Live: p.Live,
			Version: p.Version, Failed: p.Failed})
	}
	return out, nil
}

type rosterInput struct{ Body Roster }

func (a *API) setRoster(ctx context.Context, caller Caller, in *rosterInput) (*participantsAnswer, error) {
	roster := make([]saga.RosterEntry, len(in.Body.Roster))
	for i, entry := range in.Body.Roster {
		roster[i] = saga.RosterEntry{Participant: entry.Participant, Wave: entry.Wave}
	}
	if err := saga.CheckRoster(roster); err != nil {
		return nil, invalidField("body.roster", "must name each participant once, in a wave of 1 or more")
	}
	if err := a.cfg.Rosters.SetRoster(ctx, roster); err != nil {
		return nil, err
	}
	return a.listParticipants(ctx, caller, nil)
}
