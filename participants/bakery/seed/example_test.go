package seed_test

import (
	"fmt"

	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
)

func ExampleRows() {
	rows := seed.Rows("orders", seed.ProfileHigh)
	fmt.Println(rows.Total(), "rows,", rows["order_items"]/rows["orders"], "items per order")
	// Output: 50000 rows, 4 items per order
}

func ExampleTenantIDFor() {
	fmt.Println(seed.TenantIDFor(1, 7))
	// Output: ba4e0000-0001-4000-8000-000000000007
}
