package bakery_test

import (
	"fmt"

	"github.com/bakery-ia/tenant-deletion/participants/bakery"
)

func ExampleByName() {
	declared, err := bakery.ByName("notifications")
	if err != nil {
		fmt.Println(err)
		return
	}
	service, err := declared.Service(nil, bakery.Config{}) // the database comes here
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(service.Name, "deletes in wave", declared.Wave)
	for table, reason := range service.Ledger.Kept() {
		fmt.Println("keeps of", table+":", reason)
	}
	// Output:
	// notification deletes in wave 1
	// keeps of notification_templates: system templates, shared by all tenants
}
