// Package sagatest holds the contract of a saga.Store as a suite, and a Store in memory that keeps it.
//
// # Usage
//
// RunStore(t, open) in the tests of a Store. NewMemory() wherever a Store is needed and nothing has to survive the process:
// examples, simulations, tests of what stands on a Store.
//
// # Guarantees
//
// Memory passes the suite: what holds for the store on PostgreSQL holds for it, short of a crash.
//
// # Not guaranteed
//
// Memory forgets everything when the process ends, and Sweep is not among its duties: what was relayed is gone at once.
//
// # Shutdown
//
// Memory runs nothing of its own; Wait and Relay return when their context, or send, does.
//
// # Testing
//
// RunStore is the test.
package sagatest
