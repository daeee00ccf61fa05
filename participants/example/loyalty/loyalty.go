// Package loyalty shows what a service outside the platform needs to take part: this file, and its contract test.
package loyalty

import (
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// New declares what the service owns; participants.New runs it.
func New(db *bun.DB) participants.Service {
	return participants.Service{Name: "loyalty", Ledger: sqlplan.New(db, sqlplan.Config{Service: "loyalty"},
		sqlplan.Delete("members"),
		sqlplan.Delete("points").Via("member_id", "members"),
		sqlplan.Keep("tiers", "catalogue of all tenants"))}
}
