// Package pgtest gives each test a PostgreSQL database of its own, with the tables it asks for.
//
// # Usage
//
//	db := pgtest.New(t, migrations.Participant("orders"), migrations.Bakery("orders"))
//	pool, err := pgpool.Open(db.DSN("orders"), pgpool.Config{})
//
// # Guarantees
//
// The database is a clone that no other test sees; it is dropped, with whoever is still connected, when the test ends.
// A missing PostgreSQL is installed or fails the test; it never skips it.
//
// # Not guaranteed
//
// Roles belong to the server, so tests that make some use names of their own. The shared server does not survive a crash:
// tests of crashes start one with NewCluster.
//
// # Shutdown
//
// The server ends with the test binary.
//
// # Testing
//
// One server per test binary, in memory where there is room; TD_TEST_DATABASE_URL, a superuser's URL, names one that runs
// already. Each set of lines is laid once into a template, and cloned.
package pgtest
