package sqlplan_test

import (
	"fmt"

	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// A plan says what is deleted and what is kept and why; the order comes from the database.
func Example() {
	plan := sqlplan.New(nil, sqlplan.Config{Service: "orders"},
		sqlplan.Delete("order_items").Via("order_id", "orders"),
		sqlplan.Delete("orders"),
		sqlplan.Delete("memberships").By("organisation_id"),
		sqlplan.Delete("templates").KeepingNull("system templates are shared"),
		sqlplan.Keep("order_statuses", "shared catalogue"),
	)
	fmt.Println(plan.Kept())
	// Output: map[order_statuses:shared catalogue templates:system templates are shared]
}
