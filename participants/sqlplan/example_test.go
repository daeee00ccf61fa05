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

// A schema that was not written for this library needs words for what its keys do not say. Each has a reason, and a plan
// without them is refused.
func Example_declarations() {
	plan := sqlplan.New(nil, sqlplan.Config{Service: "crm", Root: "organizations.id", Schemas: []string{"public", "billing"}},
		sqlplan.Delete("organizations").By("id"),
		sqlplan.Delete("tasks").By("organization_id").AcceptingTrigger("count_tasks", "counts in projects, which go too"),
		sqlplan.Delete("comments").ViaPair("commentable_type", "commentable_id", map[string]string{"Task": "tasks"}).
			KeepingType("Page", "pages are public"),
		sqlplan.Delete("labels").Via("task_id", "tasks").WithoutKey("the framework makes no keys"),
		sqlplan.Delete("templates").By("organization_id").Where("is_system = false", "system templates are shared"),
		sqlplan.Delete("billing.transfers").By("from_id", "to_id"),
	)
	fmt.Println(plan.Kept())
	// Output: map[comments:Page: pages are public templates:system templates are shared]
}
