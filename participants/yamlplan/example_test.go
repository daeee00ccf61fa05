package yamlplan_test

import (
	"fmt"

	"github.com/bakery-ia/tenant-deletion/participants/yamlplan"
)

// A file that leaves a table to decide can be read, and runs nowhere.
func Example() {
	file, err := yamlplan.Parse("plan.yaml", []byte(`participant: crm
home: tenant_deletion
schemas: public
tenant: {root: organizations.id, type: uuid}
tables:
  organizations: {by: id}
  projects: {by: organization_id}
  countries: {keep: "catalogue of all tenants"}
  audit: {decide: "nothing leads from it to the tenant"}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(file.Participant, len(file.Rules()), "rules, undecided:", file.Undecided())

	_, err = yamlplan.Parse("plan.yaml", []byte("participant: crm\ntables:\n  projects: {bye: organization_id}\n"))
	fmt.Println(err)
	// Output:
	// crm 3 rules, undecided: [audit]
	// plan.yaml:1:1: plan: home is missing (and 3 more)
}
