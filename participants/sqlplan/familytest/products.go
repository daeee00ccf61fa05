package familytest

import (
	"embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/bakery-ia/tenant-deletion/events"
)

//go:embed families
var families embed.FS

// rounds is how often each tenant of a product gets its rows, in turn, so that tenants are interleaved in the heap.
const rounds = 2

// Rails is an application with bigint keys, few foreign keys and many polymorphic pairs.
func Rails() Family {
	f := product("rails", "bigint", []events.TenantID{"7", "70", "700", "-7"})
	f.Root, f.Schemas, f.TenantColumns = "organizations.id", []string{"public"}, []string{"organization_id"}
	for i := range f.Tenants {
		f.Turns = append(f.Turns, Turn{SQL: f.fill("rails_system.sql", i, 1)})
	}
	return f
}

// Prisma is an application with text ids, quoted names, and foreign keys that act on delete. Its tenants' ids differ by case, by
// prefix and by what LIKE takes for any character.
func Prisma() Family {
	f := product("prisma", "text", []events.TenantID{"org_Acme", "org_acme", "org_ac", "orgXacme"})
	f.Root, f.Schemas, f.TenantColumns = "Organization.id", []string{"public"}, []string{"organizationId"}
	for i, tenant := range f.Tenants {
		other := f.Tenants[(i+1)%len(f.Tenants)]
		sql := strings.ReplaceAll(f.fill("prisma_between.sql", i, 1), "{other}", f.quote(other))
		f.Turns = append(f.Turns, Turn{Owners: []events.TenantID{tenant, other}, SQL: sql})
	}
	return f
}

// Events is a store of events in partitions, with composite keys.
func Events() Family {
	f := product("events", "uuid", []events.TenantID{"aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002",
		"aaaaaaaa-0000-4000-8000-00000000000a", "00000000-0000-0000-0000-000000000000"})
	f.Root, f.Schemas, f.TenantColumns = "tenants.id", []string{"tracking", "archive"}, []string{"tenant_id"}
	f.After = "REFRESH MATERIALIZED VIEW tracking.daily"
	return f
}

// product is a family in files: the tables, nobody's rows, and the rows of a tenant in rounds.
func product(name, tenantType string, tenants []events.TenantID) Family {
	f := Family{Name: name, TenantType: tenantType, Tenants: tenants, Tables: read(name + ".sql")}
	f.Turns = []Turn{{SQL: read(name + "_nobody.sql")}}
	for round := range rounds {
		for i, tenant := range tenants {
			f.Turns = append(f.Turns, Turn{Owners: []events.TenantID{tenant}, SQL: f.fill(name+"_tenant.sql", i, round+1)})
		}
	}
	return f
}

// fill is a file with the numbers of a tenant and a round. A round's ids are a thousand.
func (f Family) fill(file string, tenant, round int) string {
	return strings.NewReplacer("{tenant}", f.quote(f.Tenants[tenant]), "{round}", strconv.Itoa(round),
		"{base}", strconv.Itoa((tenant+1)*1_000_000+round*1000)).Replace(read(file))
}

// quote is a tenant's id in SQL; numbers stand without quotes, so that they can be part of a text.
func (f Family) quote(tenant events.TenantID) string {
	if f.TenantType == "text" || f.TenantType == "uuid" {
		return literal(string(tenant))
	}
	return string(tenant)
}

func read(file string) string {
	text, err := families.ReadFile("families/" + file)
	if err != nil {
		panic(fmt.Sprintf("familytest: %v", err)) // the files are embedded
	}
	return string(text)
}
