// Package app is the composition root: the only place where store, bus, coordinator and participants meet.
//
// # Usage
//
// RunCoordinator and RunParticipant are one process each; CoordinatorCommand and ParticipantCommand are their command lines.
// StartPlatform runs everything in one process for development, demonstrations and tests.
//
// # Guarantees
//
// A process that cannot start says which setting is wrong and the way out, and never shows a DSN or a seed. Once started
// it survives the absence of PostgreSQL and NATS. TD_CRASH=<point>[:n] makes a process kill itself (SIGKILL) when it
// reaches the point for the n-th time; it is there for tests, and every other use is a mistake.
//
// # Not guaranteed
//
// The Platform is one process: it shows the behaviour of the parts, not the isolation between them.
//
// # Shutdown
//
// The first interrupt ends a process in order, the second one at once. Platform.Stop says its order.
//
// # Testing
//
// StartPlatform with a temporary DataDir needs nothing but PostgreSQL binaries.
package app
