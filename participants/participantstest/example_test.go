package participantstest_test

import (
	"context"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/participantstest"
)

// Memory stands in for a service's tables where a test is about something else.
func ExampleMemory() {
	ledger := participantstest.NewMemory("customers", "orders")
	ledger.Seed("acme", 2)
	orders, err := participants.New(participants.Service{Name: "orders", Ledger: ledger}, nil, participants.Config{})
	if err != nil {
		panic(err)
	}
	fmt.Println(orders.Preview(context.Background(), "acme").Counts)
	// Output: map[customers:2 orders:2]
}
