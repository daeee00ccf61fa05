// Package bustest is the contract of a bus.Bus as tests.
//
// # Usage
//
// Call Run from a test with a function that makes an empty bus for a Spec.
//
// # Guarantees
//
// A bus that passes can carry the saga: nothing is lost, nothing is stored twice, every error ends where Dispose says. A bus
// that is also a bus.Reader, bus.Pinger or bus.Tailer is held against those too.
//
// # Not guaranteed
//
// Outages and permissions differ by broker; their tests are beside each implementation.
//
// # Shutdown
//
// Every test ends what it started before it returns.
//
// # Testing
//
// bus.JetStream and bus.Memory both pass; see events/bus.
package bustest
