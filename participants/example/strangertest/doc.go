// Package strangertest holds a participant of another language, a process of its own, against the real stack.
//
// # Usage
//
// See participants/example/python: a Stranger says how the process is started and how its data is made, Run does the rest.
//
// # Guarantees
//
// The broker, the coordinator and its database are the real ones. The participant is started and killed as a process; a proxy
// between it and the broker holds a word back, so that it dies exactly between two of its promises. Every clause of
// participants/conformance that was tested held.
//
// # Not guaranteed
//
// Clauses that need a slow tenant, or a command that is handed back, are skipped: the log of the test says which.
//
// # Shutdown
//
// Every process and server ends with its test.
//
// # Testing
//
// The examples in Python and Node are its tests.
package strangertest
