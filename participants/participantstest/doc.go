// Package participantstest holds a service against the contract of package participants: on the service's own database, over
// a real bus.
//
// # Usage
//
// Run(t, Harness{...}) from a test; see participants/example/loyalty. The service's author gives a way to open the service
// on a fresh database and a way to seed one tenant. Digest compares what must not change.
//
// # Guarantees
//
// A service that passes deletes exactly what it previews, answers every repeat with the same numbers, keeps every row that
// is not the tenant's, and does nothing for a command that is not verified. The digests are derived from the catalogue,
// not from the service's plan, so a wrong plan cannot hide behind itself.
//
// # Not guaranteed
//
// Speed, and behaviour under the service's own concurrent writers: sqlplan's fence has its own tests.
//
// # Shutdown
//
// Everything a case starts ends with the case.
//
// # Testing
//
// Memory, a service without a database, passes the suite; services broken on purpose must fail it.
package participantstest
