package conformance_test

import (
	"fmt"

	"github.com/bakery-ia/tenant-deletion/participants/conformance"
)

// What a participant is held to can be listed without a broker.
func ExampleClauses() {
	for _, c := range conformance.Clauses() {
		if c.ID == "result-stored" {
			fmt.Println(c.Level, c.Claim, c.Protocol)
		}
	}
	// Output: MUST the result is stored before the command is acknowledged [P-ACK-1 P-BUS-5]
}
