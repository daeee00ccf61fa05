// Package demo is the demonstration that make run starts: the whole platform on one machine, one tenant deleted through the
// saga, and the proof.
//
// # Usage
//
// Run prints to Options.Out and returns nil only when every claim of the proof holds; ErrNotProven otherwise.
//
// # Guarantees
//
// Nothing is staged: a private PostgreSQL with a role per service, a real broker, the same coordinator and participants as
// in production. The proof does not ask the participants: it counts and digests with SQL of its own.
package demo
