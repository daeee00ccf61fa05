package httpapi

import (
	"context"
	"maps"
	"net/http"
	"slices"
)

// Health says that a process is there.
type Health struct {
	State string `json:"state" enum:"ok"`
}

type healthAnswer struct{ Body Health }

func (a *API) mountHealth() {
	register(a, operation{id: "livez", method: http.MethodGet, path: "/livez", tag: tagHealth,
		summary: "Is the process alive?", description: "It never looks at PostgreSQL or NATS: restarting would not help them.",
		refuses: []int{http.StatusBadRequest, http.StatusUnprocessableEntity}, answer: Health{State: "ok"}}, a.livez)
	register(a, operation{id: "readyz", method: http.MethodGet, path: "/readyz", tag: tagHealth, timeout: readyTimeout,
		summary: "Can the process do its work?", description: "503 names what does not answer.",
		refuses: []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
		answer:  Health{State: "ok"}}, a.readyz)
}

func (a *API) livez(context.Context, Caller, *struct{}) (*healthAnswer, error) {
	return &healthAnswer{Body: Health{State: "ok"}}, nil
}

func (a *API) readyz(ctx context.Context, _ Caller, _ *struct{}) (*healthAnswer, error) {
	needed := a.cfg.Ready(ctx)
	p := problemOf(http.StatusServiceUnavailable)
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		if err := needed[name]; err != nil {
			p = p.in(name, "does not answer")
			a.cfg.Logger.Warn().Err(err).Str("kind", "readyz").Str("needs", name).Msg("not ready")
		}
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	return &healthAnswer{Body: Health{State: "ok"}}, nil
}
