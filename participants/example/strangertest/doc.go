// Package strangertest holds a participant of another language, a process of its own, against the real stack.
//
// # Usage
//
// See participants/example/python: a Stranger says how the process is started and how its data is made, Run does the rest.
//
// # Guarantees
//
// The broker, the coordinator and its database are the real ones. The participant is started and killed as a process; a proxy
// between it and the broker holds a word back, so that it dies exactly between two of its promises.
//
// # Not guaranteed
//
// Run tells whether the example works on the platform. What the whole contract asks is tested clause by clause elsewhere.
//
// # Shutdown
//
// Every process and server ends with its test.
//
// # Testing
//
// The examples in Python and Node are its tests.
package strangertest
