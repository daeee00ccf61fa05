// Package digest shows that rows are the same: before and after a deletion, of everybody but the tenant.
//
// # Usage
//
// Of before the deletion, with the tenant excepted, and Of after it, with nobody excepted: equal digests say that nothing of
// the tenant is left and that no row of anybody else was lost or changed.
//
// # Guarantees
//
// What belongs to a tenant is derived from the catalogue and not from the service's plan, so a wrong plan cannot hide behind
// itself. All tables of a schema are read in one snapshot.
//
// # Not guaranteed
//
// Speed: every row of the schema is read and sorted by table. A table that holds a tenant's rows without a tenant column and
// without a NOT NULL foreign key to a table that has one counts as shared.
package digest
