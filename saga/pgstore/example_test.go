package pgstore_test

import (
	"fmt"

	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
)

// A store stands on a pool of package pgpool. Neither connects before it is used.
func ExampleNew() {
	db, err := pgpool.Open("postgres://coordinator@localhost/platform", pgpool.Config{Name: "coordinator", Schema: "coordinator"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	var store saga.Store = pgstore.New(db, pgstore.Config{})
	fmt.Printf("%T\n", store)

	// Output:
	// *pgstore.Store
}
