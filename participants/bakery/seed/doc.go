// Package seed makes the reference platform's data: believable rows in all thirteen schemas, at the platform's own volumes,
// the same for the same seed.
//
// # Usage
//
// Migrate the schemas (migrations.Participant and migrations.Bakery), then call Generate. TenantIDFor names tenants; Rows
// says beforehand what each will get.
//
// # Guarantees
//
// Rows per service and table are exact for a profile, and Report counts what PostgreSQL accepted. A service's data comes in
// one transaction or not at all. Several tenants of one call are interleaved row by row in every table, as in a live
// system, and more can be added by another call. Rows shared by all tenants are made once. A tenant that a service already
// knows is refused with ErrKnown; one that was deleted comes back only where Options say so.
//
// What a row holds follows from its table's own definition: types, foreign keys and the values that its CHECK constraints
// list. A column that the generator has no words for is an error, so a new one cannot stay empty unnoticed.
//
// # Not guaranteed
//
// Ids depend on what is in the tables already, so only the first call on empty tables repeats them. Files are written after
// the rows; a crash in between leaves rows without files. Numbers in different tables do not add up to each other.
//
// # Shutdown
//
// Generate returns when its context ends and its transactions are rolled back.
//
// # Testing
//
// The tests load three tenants, hold the tables against the report, and delete one of them.
package seed
