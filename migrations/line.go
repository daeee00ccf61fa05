package migrations

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
)

// The SQL of the house. Each folder belongs to the room that reads its tables.
//
//go:embed coordinator participant anchor_text anchor_bigint bakery subscriber
var files embed.FS

// Line is a folder of numbered SQL files and the schema they are laid into. Each line counts its own versions, in the
// table td_version_<name> of its schema, so several lines can share a schema.
type Line struct {
	name   string
	schema string
	files  fs.FS
}

// Coordinator is the coordinator's own line, in the schema coordinator.
func Coordinator() Line { return embedded("coordinator", "coordinator", "coordinator") }

// Participant is what every participant keeps beside its own tables: receipts, inbox and anchors.
func Participant(schema string) Line { return embedded("participant", schema, "participant") }

// AnchorText and AnchorBigint make the tenant's anchor fit tenants that are not named by a uuid. They stand on Participant in
// the same schema, which has to be applied first.
func AnchorText(schema string) Line { return embedded("anchor_text", schema, "anchor_text") }

// AnchorBigint is AnchorText for tenants that are numbered.
func AnchorBigint(schema string) Line { return embedded("anchor_bigint", schema, "anchor_bigint") }

// Subscriber is what one who hears of finished deletions keeps beside its own tables: the ids of the events it has handled.
func Subscriber(schema string) Line { return embedded("subscriber", schema, "subscriber") }

// Bakery is a reference service's own line, in the schema of its name. It stands on Participant in the same schema, which
// has to be applied first.
func Bakery(service string) Line { return embedded("bakery", service, "bakery/"+service) }

// Files is a line of somebody else's SQL files (00001_name.sql, goose format), for services outside this house and for
// tests. The name tells its version table from those of other lines in the same schema.
func Files(name, schema string, files fs.FS) Line {
	return Line{name: name, schema: schema, files: files}
}

// Schema is the schema the line is laid into.
func (l Line) Schema() string { return l.schema }

// String names the line and its schema, for errors and logs.
func (l Line) String() string { return l.name + "@" + l.schema }

// Source is the line's folder, for hashing what a database was built from.
func (l Line) Source() fs.FS { return l.files }

func embedded(name, schema, dir string) Line {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		sub = files // an invalid path: Apply refuses the line, its schema name is no identifier either
	}
	return Line{name: name, schema: schema, files: sub}
}

func (l Line) versionTable() string { return "td_version_" + l.name }

// identifier is what we accept as the name of a schema, a role or a line: it never needs quotes.
var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

func (l Line) validate() error {
	for field, value := range map[string]string{"name": l.name, "schema": l.schema} {
		if !identifier.MatchString(value) {
			return fmt.Errorf("migrations: line %q: %s: %q is not a plain identifier", l, field, value)
		}
	}
	return nil
}
