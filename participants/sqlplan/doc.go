// Package sqlplan deletes a tenant's rows from a service's PostgreSQL tables and proves it. A plan lists the tables; the
// order, the statements and the proof come from the live catalogue.
//
// # Usage
//
//	plan := sqlplan.New(db, sqlplan.Config{Service: "orders"},
//		sqlplan.Delete("order_items").Via("order_id", "orders"),
//		sqlplan.Delete("orders"),
//		sqlplan.Keep("order_statuses", "shared catalogue"),
//	)
//	err := plan.Check(ctx)
//
// The plan is the participants.Ledger of a Service. Its tables are those of the connection's current schema, which also
// holds the tables of migrations/participant.
//
// # Guarantees
//
// Deletes, proof, tombstone and receipt commit together or not at all; a repeat answers with the stored receipt. Counts are
// the command tags of the deletes: exact. Every transaction compares the catalogue with the plan first, and refuses to delete
// while a table of the schema, or one that refers into it, is on no plan. Where tables carry the fence (a foreign key to the
// tenant anchor, see migrations/participant) PostgreSQL itself proves that nothing is left and refuses later rows; elsewhere
// the same transaction looks again. Errors name tables, constraints and codes, never values.
//
// A tenant above Config.BoundedRows is deleted in chunks, with the same counts, the same proof and the same receipt at the end;
// a deletion that was cut short goes on where it stopped.
//
// # Not guaranteed
//
// Without the fence, a writer that is in flight while the deletes run can leave rows; verification finds them. A trigger that
// somebody sets on a single partition by hand is found at the next start, not in the next transaction. Dead rows stay in the
// files until VACUUM, and in backups for as long as those are kept. The choice between one transaction and chunks rests on the
// tables' sizes and the planner's estimate: tables that were never analysed are found out by their statement timeouts. Sessions
// must be the service's own: prepared statements and session locks do not survive a pooler that hands out connections per
// transaction. PostgreSQL 14 or later.
//
// # Shutdown
//
// A context that ends rolls the transaction back on the server, or stops between two chunks. Nothing has to be closed.
//
// # Testing
//
// participantstest.Run holds a plan against the contract; the tests of this package run on a real PostgreSQL.
package sqlplan
