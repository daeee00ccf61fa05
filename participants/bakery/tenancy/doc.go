// Package tenancy manages who owns a tenant and who belongs to it, in the tenant service's own tables.
//
// # Usage
//
// New takes the tenant service's database; Admins, Transfer and RemoveMemberships are the platform's three routes. Whoever
// calls them has verified who asks; that he is the owner, where he must be, Transfer finds itself. Standing says what a user is
// in a tenant.
//
// # Guarantees
//
// Transfer and RemoveMemberships are one transaction each, with an audit record of every row they change. A tenant has exactly
// one owner after a transfer, and no removal leaves it without one, however many of both run at once: every change first
// takes the tenant's anchor, as a deletion does, then the tenant, then its members, in the order of their ids. A tenant that is
// being deleted, or is gone, is ErrNoTenant. Errors name fields, never what was sent.
//
// # Not guaranteed
//
// Programs that change tenant_members without these locks may still take away a tenant's owner. A membership that is made while
// RemoveMemberships runs may stay.
//
// # Shutdown
//
// Nothing runs here. A context that ends rolls the transaction back. The database is the caller's to close.
//
// # Testing
//
// The tests race transfers, removals and a deletion on the migrated tables of a real PostgreSQL.
package tenancy
