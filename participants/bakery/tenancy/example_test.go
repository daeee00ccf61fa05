package tenancy_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
)

// What is no id is refused before the database is asked; the pool has not even connected.
func Example() {
	db, err := pgpool.Open("postgres://tenants@127.0.0.1/platform", pgpool.Config{Name: "tenants", Schema: "tenants"})
	if err != nil {
		panic(err)
	}
	defer db.Close()
	previous, err := tenancy.New(db).Transfer(context.Background(), "ba4e0000-0001-4000-8000-000000000007", "bob",
		tenancy.Asker{ID: "support:desk-7", Platform: true})
	fmt.Printf("%q %t\n%v\n", previous, errors.Is(err, events.ErrInvalid), err)
	// Output:
	// "" true
	// tenancy: transfer: new_owner_id: invalid: must be a lower-case UUID
}
