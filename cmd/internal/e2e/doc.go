// Package e2e holds the promises of the whole system against real parts: PostgreSQL, JetStream, the coordinator and the
// thirteen reference services, as goroutines where that is enough and as processes where they are killed.
//
// # Testing
//
// Every test has a database and a broker of its own. What cannot be started fails the test; nothing is skipped.
package e2e
