package archtest

// room is a package and what it may import beside the standard library. An arrow that is not here is forbidden; why says
// what would be lost with it.
type room struct {
	path  string
	house []string // rooms; "*" is the whole house
	third []string // modules of others; "*" is whatever go.mod has
	why   string
}

// The plan. Arrows point down: cmd stands on the wings, the wings on events, nothing on cmd.
var plan = []room{
	{path: "events", third: []string{"github.com/nats-io/nkeys", "github.com/google/uuid"},
		why: "the words are for every service, in any stack: they bring nothing along but signatures and ids"},
	{path: "events/schema",
		why: "a description of the wire has no code to lean on"},
	{path: "events/bus", house: []string{"events"}, third: []string{"github.com/nats-io/nats.go", "github.com/rs/zerolog"},
		why: "the bus carries words and knows nothing of jobs or tables"},
	{path: "events/client", house: []string{"events", "events/bus"}, third: []string{"github.com/rs/zerolog"},
		why: "whoever asks for deletions, or hears of them, links the words and a bus and nothing of the two wings"},
	{path: "events/bus/bustest", house: []string{"events", "events/bus"},
		why: "a suite for strangers' buses speaks testing.TB alone"},

	{path: "saga", house: []string{"events"},
		why: "the core is pure: what decides about deletions can be read and tested without a server"},
	{path: "saga/pgstore", house: []string{"saga", "events", "migrations/pgpool"},
		third: []string{"github.com/uptrace/bun", "github.com/jackc/pgx/v5"},
		why:   "the store keeps what the core decided; it neither decides nor sends"},
	{path: "saga/runner", house: []string{"saga", "events", "events/bus"},
		third: []string{"github.com/rs/zerolog", "golang.org/x/sync", "github.com/cenkalti/backoff/v5"},
		why:   "the runner moves decisions between a store and a bus that it knows by their interfaces"},
	{path: "saga/httpapi", house: []string{"saga", "events"},
		third: []string{"github.com/danielgtaylor/huma/v2", "github.com/rs/zerolog", "golang.org/x/sync", "golang.org/x/time"},
		why:   "a request becomes an input of the core; it never reaches a table or the bus by itself"},
	{path: "saga/sagatest", house: []string{"saga", "events"},
		why: "a suite for strangers' stores speaks testing.TB alone"},

	{path: "participants", house: []string{"events", "events/bus"}, third: []string{"github.com/rs/zerolog", "golang.org/x/sync"},
		why: "what every service links must stay small, and must not know the coordinator"},
	{path: "participants/digest", house: []string{"events"},
		why: "what proves that rows were left alone trusts none of the code that deletes"},
	{path: "participants/sqlplan", house: []string{"participants", "events", "migrations/pgpool"},
		third: []string{"github.com/uptrace/bun", "github.com/jackc/pgx/v5"},
		why:   "a plan is judged by the catalogue alone; it deletes and never sends"},
	{path: "participants/sqlplan/familytest",
		house: []string{"events", "migrations", "migrations/pgpool", "migrations/pgtest"}, third: []string{"github.com/uptrace/bun"},
		why: "who knows whose a row is must not have learnt it from the engine that deletes"},
	{path: "participants/yamlplan", house: []string{"participants", "participants/sqlplan", "events"},
		third: []string{"github.com/goccy/go-yaml", "go.yaml.in/yaml/v3", "github.com/uptrace/bun", "github.com/jackc/pgx/v5"},
		why:   "a file says what a plan's rules say: reading it knows no address, no key and no migration"},
	{path: "participants/fileplan", house: []string{"participants", "events"},
		why: "files need no database and no bus"},
	{path: "participants/participantstest",
		house: []string{"participants", "participants/digest", "events", "events/bus",
			"deploy/nats", "deploy/nats/embedded", "migrations", "migrations/pgpool", "migrations/pgtest"},
		third: []string{"github.com/nats-io/nats.go", "github.com/uptrace/bun"},
		why:   "the contract is held on a real database and a real broker, and of no service of ours"},
	{path: "participants/conformance", house: []string{"events"}, third: []string{"github.com/nats-io/nats.go"},
		why: "who judges strangers on the wire must not stand on the engine that it judges"},
	{path: "participants/bakery", house: []string{"participants", "participants/sqlplan", "participants/fileplan", "events"},
		third: []string{"github.com/uptrace/bun"},
		why:   "a service is a declaration: what it cannot declare belongs into a plan"},
	{path: "participants/bakery/tenancy", house: []string{"events"},
		third: []string{"github.com/uptrace/bun", "github.com/google/uuid"},
		why:   "who manages a tenant is the tenant service's business; deletions know nothing of it"},
	{path: "participants/bakery/seed", house: []string{"participants", "participants/bakery", "events"},
		third: []string{"github.com/jackc/pgx/v5", "github.com/google/uuid", "golang.org/x/sync"},
		why:   "made-up tenants are loaded past the code under test"},
	{path: "participants/example/loyalty",
		house: []string{"participants", "participants/sqlplan", "events", "events/bus", "migrations/pgpool"},
		third: []string{"github.com/uptrace/bun", "github.com/nats-io/nats.go", "github.com/rs/zerolog"},
		why:   "the example shows what a stranger needs, and a stranger has no more than this"},
	{path: "participants/example/strangertest",
		house: []string{"participants/conformance", "events", "events/bus", "events/client",
			"deploy/nats", "deploy/nats/embedded", "migrations", "migrations/pgtest"},
		third: []string{"github.com/nats-io/nats.go"},
		why:   "a participant of another language meets the platform as a process, and the coordinator too"},
	{path: "participants/example/python",
		why: "the example is in Python: Go only holds it against the platform"},
	{path: "participants/example/node",
		why: "the example is in JavaScript: Go only holds it against the platform"},

	{path: "deploy/nats", house: []string{"events"}, third: []string{"github.com/nats-io/nats.go"},
		why: "definitions are files; applying them needs a client and the subjects' names"},
	{path: "deploy/nats/embedded", house: []string{"events", "deploy/nats"},
		third: []string{"github.com/nats-io/nats-server/v2", "github.com/nats-io/nats.go", "github.com/rs/zerolog"},
		why:   "the only room with a broker inside, so that nobody links one by accident"},

	{path: "migrations", third: []string{"github.com/pressly/goose/v3", "github.com/jackc/pgx/v5"},
		why: "tables are files; no room's types may leak into them"},
	{path: "migrations/pgpool", third: []string{"github.com/uptrace/bun", "github.com/jackc/pgx/v5"},
		why: "every room opens its database here, so it may know none of them"},
	{path: "migrations/pglocal",
		why: "a launcher of processes needs no driver; what it starts is tested by those who connect"},
	{path: "migrations/pgtest", house: []string{"migrations", "migrations/pglocal"}, third: []string{"github.com/jackc/pgx/v5"},
		why: "a database for any room's tests may know none of the rooms"},

	{path: "cmd", house: []string{"*"}, third: []string{"*"},
		why: "the roof wires everything; nothing below may reach up to it"},
}

// unreachable says what a room must not bring along by any way round: packages of the standard library, and whole
// modules or rooms.
var unreachable = []struct {
	room string
	what []string
	why  string
}{
	{"events", []string{"net/http", "database/sql", "github.com/nats-io/nats.go", "github.com/rs/zerolog"},
		"a program that only reads our events links no client and no server"},
	{"saga", []string{"net/http", "os/exec", "database/sql", "github.com/rs/zerolog"},
		"the core has no effects"},
	{"saga/runner", []string{"github.com/uptrace/bun", "github.com/jackc", house + "/participants"},
		"the runner works with any store"},
	{"participants", []string{"database/sql", "github.com/uptrace/bun", "github.com/jackc", house + "/saga"},
		"a service without SQL links no database"},
	{"participants/conformance", []string{"database/sql", house + "/participants", house + "/saga"},
		"a participant in any language is held to the wire alone"},
	{"participants/sqlplan", []string{"github.com/pressly/goose", "github.com/nats-io/nats-server", "github.com/spf13/cobra",
		"github.com/stretchr/testify", house + "/saga"},
		"a stranger's service links neither our migrations nor our broker"},
	{"participants/yamlplan", []string{"github.com/pressly/goose", "github.com/nats-io/nats-server", "github.com/spf13/cobra",
		"github.com/stretchr/testify", house + "/saga"},
		"whoever reads plans links neither our migrations nor our broker"},
	{"participants/bakery", []string{house + "/saga", house + "/migrations"}, "services apply no migrations at run time"},
	{"saga/pgstore", []string{"github.com/nats-io/nats.go", "github.com/pressly/goose", house + "/participants"},
		"PostgreSQL is the truth: reading it needs no broker"},
}
