package natsdeploy_test

import (
	"fmt"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
)

// What a topology asks of a broker can be read without one.
func Example() {
	definitions, err := natsdeploy.Define(natsdeploy.Topology{Participants: []events.Participant{"orders"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range definitions.Consumers {
		fmt.Println(c.Stream, c.Durable)
	}
	// Output:
	// TD_INTAKE coordinator_intake
	// TD_EVENTS coordinator_results
	// TD_DEAD coordinator_dead
	// TD_EVENTS orders
}

// Who is on the broker: each user has an account of its own, and a key.
func ExampleAccess() {
	access := natsdeploy.Access{Participants: []events.Participant{"orders", "tenants"}, Downstream: []string{"billing"}}
	users, err := access.Users()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(users)
	_, err = access.Config()
	fmt.Println(err)
	// Output:
	// [monitor coordinator operator provisioner svc_orders svc_tenants down_billing]
	// natsdeploy: access: monitor: want one public key, or two while one replaces the other
}
