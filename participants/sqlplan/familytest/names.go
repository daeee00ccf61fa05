package familytest

import "github.com/bakery-ia/tenant-deletion/events"

// Names that need quotes, mean something in SQL, or mean something to who formats a statement.
var (
	schemaNames = []string{"app", "Billing", "my.schema", `we"ird`, "select", "public"}
	tableNames  = []string{"order", "Order", "user", "select", "my.table", `a"b`, "with space", "ünïcode", "it's", "what?", "a%s",
		`b\c`, "$1", "{x}", "td_mine", "tenant_anchor", "td_receipts", "schema_migrations", "group", "1st", "--",
		"/*x*/", "a;b", "Null", "true", "t",
		"sixty_three_bytes_are_the_longest_name_that_postgresql_will_keep"[:63], "td_row", "q", "p", "x"}
	columnNames = []string{"org", "Org", "order", "user", "tenant id", "a.b", "what? ", "a%d", "c$1", "ünï2", "from",
		"where", "t", "id2", "it's", "tableoid2", "x"}
)

// tenantNames are those of tenant columns. One is a name of other columns too: a plan must not take those for the tenant.
var tenantNames = []string{"Org", `o"wner`, "tenant id", "what?", "select", "tenant_id", "ünï"}

// predicate tells the tenants' rows from the product's own by columns: the values of theirs, and of the product's.
type predicate struct {
	where         string
	columns       []Column
	theirs, owned []string
}

var predicates = []predicate{
	{"is_system = false", []Column{{Name: "is_system", Type: "boolean"}}, []string{"false"}, []string{"true"}},
	{`"is system" <> true`, []Column{{Name: "is system", Type: "boolean"}}, []string{"false"}, []string{"true"}},
	{`kind in ('user', 'it''s "mine"')`, []Column{{Name: "kind", Type: "text"}}, []string{`'it''s "mine"'`}, []string{"'system'"}},
	{"kind <> 'system' AND rank = -1.5", []Column{{Name: "kind", Type: "text"}, {Name: "rank", Type: "numeric"}},
		[]string{"'user'", "-1.5"}, []string{"'user'", "1.5"}},
	{"shared_at IS NULL", []Column{{Name: "shared_at", Type: "date", Nullable: true}}, []string{"NULL"}, []string{"'2026-01-01'"}},
	{"maker IS NOT NULL AND kind = ''", []Column{{Name: "maker", Type: "text", Nullable: true}, {Name: "kind", Type: "text"}},
		[]string{"'null'", "''"}, []string{"NULL", "''"}},
}

// namedTenant is the name that means the tenant without a key.
const namedTenant = "Tenant Of"

// longest is an id of as many characters as the wire allows, shorter is its beginning.
const (
	longest events.TenantID = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	shorter events.TenantID = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

// tenantIDs are ids of each type that are easily mistaken for each other.
var tenantIDs = map[string][]events.TenantID{
	"text": {"acme", "Acme", "ACME", "acme-2", "acm", "acme_", "acmeX", "null", "NULL", "1--", "007", "7", "1e5", "100000", "-1",
		"_", "--", "true", "DROP", "xmin", longest, shorter, "0x1F", "31", "1_000"},
	"bigint":  {"7", "70", "700", "-7", "0", "9223372036854775807", "-9223372036854775808", "100000", "31"},
	"integer": {"7", "70", "700", "-7", "0", "2147483647", "100000", "31"},
	"numeric": {"7", "70", "-7", "0", "100000", "99999999999999999999999999", "31"},
	"uuid": {"aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002", "aaaaaaaa-0000-4000-8000-00000000000a",
		"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
}
