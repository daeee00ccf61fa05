// Package familytest holds schemas as real products have them, filled with tenants, and an oracle that knows whose each row is.
//
// # Usage
//
//	world := familytest.Rails().Open(t)
//	want := world.Oracle.Counts(tenant)
//	// delete the tenant by any means
//	world.Oracle.Erased(t, tenant)
//
// Rails, Prisma and Events are written by hand; Random draws a schema, its keys and its rows from a Dice, so that one
// generator serves a property test (small, and shrunk by what it drew) and a schema of a thousand tables from a seed.
//
// # Guarantees
//
// Rows are made in turns, each for a known owner. The oracle looks on after every turn: whose a row is follows from who made
// it, and neither from the catalogue nor from a plan. It reads every row of every table of every schema in one snapshot, and
// compares their texts: exactly the tenant's rows are gone, and not a byte of anybody else's has changed. Equal seeds make
// equal families.
//
// # Not guaranteed
//
// Speed: every row is read whole, again and again. Sequences and large objects are not looked at.
//
// # Shutdown
//
// The database and its pool go when the test ends.
//
// # Testing
//
// The oracle is itself tested on deletions that are wrong on purpose. The tests of this package hold sqlplan against every
// family.
package familytest
