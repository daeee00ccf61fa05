// Package sqlplan deletes a tenant's rows from PostgreSQL tables and proves it. A plan lists the tables; the order, the
// statements and the proof come from the live catalogue.
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
// holds the tables of migrations/participant; Config.Schemas names others, for a schema that was not written for this library.
// Propose derives the rules of such a schema from its keys and leaves the rest undecided; Findings says what a plan lacks, with
// the way out.
//
// # Guarantees
//
// Deletes, proof, tombstone and receipt commit together or not at all; a repeat answers with the stored receipt. Counts are
// the command tags of the deletes: exact. Every transaction compares the catalogue with the plan first, and refuses to delete
// while a table of the schemas, or one that refers into them, is on no plan. Where tables carry the fence (a foreign key to the
// tenant anchor, see migrations/participant) PostgreSQL itself proves that nothing is left and refuses later rows; elsewhere
// the same transaction looks again. Errors name tables, constraints and codes, never values.
//
// Nothing is guessed. Columns that mean the tenant (they refer to Config.Root, or are named) must all be decided; a path without
// a key, a path or a predicate that may be null, a type of a polymorphic reference, a trigger on deletes, a key that acts on
// deletes: each is refused until a person has declared it with a reason. An accepted key that acts is proven to have nothing to
// act on, while the rows that it refers to are locked. A tenant id must be written as its columns write it: "007" is refused
// where the column holds 7.
//
// A tenant above Config.BoundedRows is deleted in chunks, with the same counts, the same proof and the same receipt at the end;
// a deletion that was cut short goes on where it stopped. Cycles, self references and the tables that acting keys refer to
// are deleted at once, in a transaction of their own.
//
// # Not guaranteed
//
// Without the fence, a writer that is in flight while the deletes run can leave rows; verification finds them. Not those that
// are reached by value (WithoutKey, ViaPair): they are looked for before their parents go, and what is written after that
// look, or was an orphan before, belongs to nobody that anything could find. Of a table with a predicate only the rows for which
// it is true count as the tenant's. What an accepted trigger writes elsewhere is not looked for. A trigger that somebody sets on
// a single partition by hand, or a key's triggers that are switched off, are found at the next start, not in the next
// transaction.
//
// Dead rows stay in the files until VACUUM, and in backups for as long as those are kept. The choice between one transaction and
// chunks rests on the tables' sizes and the planner's estimate: tables that were never analysed are found out by their statement
// timeouts. Sessions must be the service's own: prepared statements and session locks do not survive a pooler that hands out
// connections per transaction. A table that is reached through itself (comments on comments, without a tenant column) is
// refused. A deletion locks every table of the plan and its indexes: a thousand tables need a max_locks_per_transaction to
// match. PostgreSQL 14 or later.
//
// # Shutdown
//
// A context that ends rolls the transaction back on the server, or stops between two chunks. Nothing has to be closed.
//
// # Testing
//
// participantstest.Run holds a plan against the contract; the tests of this package run on a real PostgreSQL.
package sqlplan
