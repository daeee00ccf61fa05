// Package pgstore keeps jobs in PostgreSQL: the saga.Store that survives.
//
// # Usage
//
// New(db, Config{}) on a pool of package pgpool whose search_path is the schema of migrations.Coordinator. Close ends what
// the store opened itself; the pool stays the caller's. NewAudit is the audit trail, on a pool of its own (migrations.Audit).
//
// # Guarantees
//
// A Submit or an Update is one transaction, with a number of statements that does not grow with the batch: the job rows
// are locked before anything is decided, and state, history, inbox and outbox commit together or not at all. What another
// transaction made impossible (serialization failures, deadlocks, two coordinators that submit the same tenant) is tried
// again. A job that breaks an invariant is not worked on; the rest of its batch is.
//
// # Not guaranteed
//
// The order in which two relays send what they claimed. Events of one job are claimed in order by one relay, but two of
// them may be in the hands of two relays at once; participants and the coordinator take them in any order.
//
// # Shutdown
//
// A cancelled context rolls the running transaction back. Close closes the connection that listens, after Wait has
// returned.
//
// # Testing
//
// The suite of package sagatest on a real database, and races between stores.
package pgstore
