// Package conformance holds a running participant, in any language, against docs/protocol.md: it plays the coordinator on a
// test broker, and reports clause by clause.
//
// # Usage
//
// Connect to the participant's broker, fill a Config, call Run; erasectl conformance run does it from a terminal. Each clause
// makes tenants of its own by Config.Seed. What the kit cannot do without help (a second instance, a crash, a slow tenant) it
// reports as skipped, with the reason.
//
// # Guarantees
//
// Run sends commands for tenants that it made itself, and for no others. It refuses to begin where the participant has work
// pending or where a coordinator is bound. A clause is ok only when everything it names was seen on the wire; a participant
// that stops answering fails the clauses that follow.
//
// # Not guaranteed
//
// What does not show on the wire: whether deletes and receipt are one transaction shows only in a crash, and a crash that
// finds nothing proves little. The messages of a run stay in the stream.
//
// # Shutdown
//
// Run returns when its context ends, with what it has seen until then. It leaves the participant running.
//
// # Testing
//
// The reference participant must pass, and participants that are wrong on purpose must fail the clause they break.
package conformance
