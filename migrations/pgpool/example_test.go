package pgpool_test

import (
	"fmt"

	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
)

// Open does not connect, so what a pool would send can be looked at without a server.
func Example() {
	pool, err := pgpool.Open("postgres://orders:secret@127.0.0.1/platform", pgpool.Config{Name: "orders", Schema: "orders"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	fmt.Println(pool.NewDelete().TableExpr("customers").Where("tenant_id = ?", "t-1"))
	// Output: DELETE FROM customers WHERE (tenant_id = 't-1')
}
