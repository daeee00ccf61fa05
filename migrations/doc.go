// Package migrations holds every table of the house as SQL files and lays them into a database. A Line is a folder of
// such files together with the schema it is laid into.
//
// # Usage
//
// Once per environment, Provision makes a role and a schema per service. At start, each process applies its own lines
// with its own DSN: Apply(ctx, dsn, Participant("orders"), Bakery("orders")).
// Versions and Laid tell what a database has.
//
// # Guarantees
//
// Apply and Provision are safe to call again, and by many replicas at once: one works, the others wait and find nothing to
// do. Each file is applied once, in the order of its number, in a transaction unless it says otherwise, with search_path
// set to the line's schema alone, so no file names a schema. A provisioned role owns its schema and has no right on any
// other. The audit trail belongs to nobody who can log in; GrantAudit lets a role append to it.
//
// # Not guaranteed
//
// Apply never goes down; the Down parts are for people. Apply needs a direct connection or a pooler in session mode: the
// lock is held by the session.
//
// # Shutdown
//
// A cancelled context stops Apply between or inside files; a file in a transaction is then undone.
//
// # Testing
//
// pgtest gives each test a database of its own with the lines it asks for.
package migrations
