package migrations_test

import (
	"fmt"

	"github.com/bakery-ia/tenant-deletion/migrations"
)

// A service lays the participant's tables first, then its own, in one schema.
func Example() {
	for _, line := range []migrations.Line{migrations.Participant("orders"), migrations.Bakery("orders")} {
		fmt.Println(line, line.Schema())
	}
	// Output:
	// participant@orders orders
	// bakery@orders orders
}
