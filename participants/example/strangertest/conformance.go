package strangertest

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/conformance"
)

// mustMin guards against a run that skips: so many clauses of MUST need nothing but what a Stranger has.
const mustMin = 20

// checkConformance holds the participant against every clause that shows on the wire.
func checkConformance(w *world) {
	nc, err := nats.Connect(w.server.ClientURL())
	w.must(err, "connect")
	w.Cleanup(nc.Close)
	w.tenant() // the service has its tables before the participant starts
	running := []func(){w.start(w.server.ClientURL())}
	report, err := conformance.Run(w.Context(), conformance.Config{Conn: nc, Participant: w.Participant,
		Signer: w.signer, Seed: w.Seed,
		Neighbours: func(_ context.Context, except events.TenantID) (string, error) { return w.Digest(w.TB, except), nil },
		Start: func(context.Context) error {
			running = append(running, w.process(w.Command(w.server.ClientURL(), w.signer.PublicKey())))
			return nil
		},
		Stop: func(context.Context) error {
			for _, kill := range running {
				kill()
			}
			running = nil
			return nil
		}})
	w.must(err, "run the clauses")
	for _, v := range report.Verdicts {
		if v.Outcome == conformance.Fail {
			w.Errorf("%s (%s %v): %s: %s", v.ID, v.Level, v.Protocol, v.Claim, v.Reason)
		}
		if v.Outcome == conformance.Skip {
			w.Logf("%s was not tested: %s", v.ID, v.Reason)
		}
	}
	if ok := report.Count(conformance.Must, conformance.OK); ok < mustMin {
		w.Errorf("only %d clauses of MUST held, want %d", ok, mustMin)
	}
}
