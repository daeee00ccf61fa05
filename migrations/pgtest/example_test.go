package pgtest_test

import (
	"fmt"
	"testing"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

// A test asks for the lines it needs and opens what DSN gives.
func Example() {
	test := func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t, migrations.Participant("orders"), migrations.Bakery("orders"))
		_ = db.DSN("orders") // pgpool.Open(db.DSN("orders"), pgpool.Config{})
	}
	fmt.Printf("%T\n", test)
	// Output: func(*testing.T)
}
