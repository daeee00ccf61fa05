// Package bakery declares the thirteen services of the reference platform: which tables each deletes, how rows without a
// tenant column are reached, and what stays and why. A declaration is data; everything that acts is in participants/sqlplan
// and participants/fileplan.
//
// # Usage
//
// ByName finds a declaration, Service turns it into a participants.Service over the service's own database or schema.
//
// # Guarantees
//
// All lists the services in the order in which a job names them: the twelve of the first wave by name, then the tenant
// service, whose wave is the last. Every table of the platform is on exactly one plan, deleted or kept with a reason;
// leaving one out is an error of Plan.Check that names the table.
//
// # Not guaranteed
//
// The declarations say nothing about the rows' number; the package seed knows volumes and makes data.
//
// # Shutdown
//
// Nothing runs here. The database handed to Service is the caller's to close.
//
// # Testing
//
// The tests hold every plan against the migrated schema, and prove that no single rule can be left out unnoticed.
package bakery
