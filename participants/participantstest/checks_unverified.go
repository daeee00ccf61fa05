package participantstest

import (
	"bytes"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// checkUnverified sends what a forger could send, then a good command for the neighbour: with one worker its answer comes
// after everything before it was handled.
func checkUnverified(w *world) {
	before := w.digest(w.neighbour)
	w.start()
	for _, forged := range w.forgeries() {
		w.send(forged)
	}
	w.onlyNeighbour(before)
}

// forgeries are commands that name the tenant and must not work.
func (w *world) forgeries() []events.Message {
	w.Helper()
	good := w.encode(w.command())
	stranger, err := newSigner(w).Sign(good)
	w.must(err, "sign as a stranger")
	claimed, err := newSigner(w).Sign(good)
	w.must(err, "sign as a stranger")
	claimed.Header[events.HeaderKey] = string(w.signer.PublicKey())
	changed := w.sign(good)
	changed.Body = bytes.Replace(changed.Body, []byte("contract_ended"), []byte("contract_begun"), 1)
	moved := w.sign(w.encode(w.commandFor(w.neighbour)))
	moved.Subject = good.Subject
	late := w.command()
	late.RequestedAt, late.ExpiresAt = late.RequestedAt.Add(-2*time.Hour), late.RequestedAt.Add(-time.Hour)
	garbage := w.sign(events.Message{Subject: good.Subject, Body: []byte(`{"tenant_id":`)})
	return []events.Message{good, stranger, claimed, changed, moved, w.sign(w.encode(late)), garbage}
}

func (w *world) commandFor(tenant events.TenantID) *events.Command {
	c := w.command()
	c.TenantID = tenant
	return c
}

// checkNotNamed sends a command of the wave that names somebody else.
func checkNotNamed(w *world) {
	before := w.digest(w.neighbour)
	w.start()
	others := w.command()
	others.Participants = []events.Participant{"somebody_else"}
	w.send(w.sign(w.encode(others)))
	w.onlyNeighbour(before)
}

// onlyNeighbour erases the neighbour and demands that this is all that happened.
func (w *world) onlyNeighbour(before Digests) {
	w.Helper()
	counts := w.preview(w.neighbour)
	command := w.commandFor(w.neighbour)
	w.send(w.sign(w.encode(command)))
	w.success(command, counts)
	w.unchanged(before, w.neighbour)
}
