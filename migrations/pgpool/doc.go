// Package pgpool opens bun databases the one way this house does: over pgx, never pgdriver, which leaves cancelled
// statements running on the server.
//
// # Usage
//
// Open(dsn, Config{Name: "orders", Schema: "orders"}), and Close of the bun database at the end.
//
// # Guarantees
//
// Every connection has a name, a statement, a lock and an idle-in-transaction timeout. A cancelled context cancels the
// statement on the server. Statements are sent in the simple protocol: bun writes literals into the text, and a prepared
// statement per text would keep tenants' values in the server's memory.
//
// # Not guaranteed
//
// Open does not connect; the first statement does. No error or log line of this package shows the DSN.
//
// # Shutdown
//
// Close of the bun database closes the pool.
//
// # Testing
//
// Nothing of its own: pgtest gives a database, Open opens it.
package pgpool
