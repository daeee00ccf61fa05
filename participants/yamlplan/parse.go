package yamlplan

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// Limits of a file.
const (
	fileBytesMax = 4 << 20 // ten times the file of a schema of 1,000 tables
	faultsMax    = 20      // that are told at once
	tablesMax    = 10_000
)

// homeForm is what migrations and pgpool accept as a schema of the house: it never needs quotes.
var homeForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

// errTableName says how tables are named.
var errTableName = errors.New("want NAME or SCHEMA.NAME, and parts that hold a dot or a double quote in double quotes, as in SQL")

// Parse reads a file. Its name is for errors, which are of type *InvalidError.
func Parse(name string, text []byte) (*File, error) {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) // with which the library loses the place of comments
	r := &reader{lines: strings.Split(string(text), "\n")}
	f := r.file(text)
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Fault) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, &InvalidError{Name: name, Faults: r.faults[:min(len(r.faults), faultsMax)]}
	}
	f.sort()
	return f, nil
}

// begun matches the lines that a plan has.
var begun = regexp.MustCompile(`(?m)^(participant|home|schemas|tenant|tables) *:`)

func (r *reader) file(text []byte) *File {
	if len(text) > fileBytesMax || len(begun.FindAll(text, 2)) < 2 { // any file, a key's perhaps: nothing of it is shown
		r.faults = append(r.faults, Fault{Line: 1, Column: 1, Text: fmt.Sprintf(
			"is no plan: no lines begin with participant:, home:, schemas:, tenant: and tables:, or it has more than %d bytes; "+
				"erasectl plan generate writes one", fileBytesMax)})
		return nil
	}
	var document yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	err := dec.Decode(&document)
	if err == nil {
		err = dec.Decode(new(yaml.Node))
		if err == nil {
			err = errors.New("a second document begins: a plan is one")
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		r.faults = append(r.faults, unreadable(text, r.lines, err))
		return nil
	}
	f := &File{}
	f.Comments = comments(nil, &document, false)
	r.plan(f, document.Content[0])
	return f
}

func (r *reader) plan(f *File, root *yaml.Node) {
	r.object(root, "plan", []field{
		{"participant", true, func(n *yaml.Node) {
			name := r.text(n)
			if _, err := events.ParseParticipant(name); err != nil && name != "" {
				r.fault(n, "participant: want the name on the roster: 1 to 32 of a-z 0-9 _, a letter first")
			}
			f.Participant = events.Participant(name)
		}},
		{"home", true, func(n *yaml.Node) {
			if f.Home = r.text(n); f.Home != "" && !homeForm.MatchString(f.Home) {
				r.fault(n, "home: want a schema of the participant's own: 1 to 50 of a-z 0-9 _, a letter first")
			}
		}},
		{"schemas", true, func(n *yaml.Node) { f.Schemas = r.texts(n) }},
		{"tenant", true, func(n *yaml.Node) { r.tenant(&f.Tenant, n) }},
		{"tables", true, func(n *yaml.Node) { r.tables(f, n) }},
	})
	if slices.Contains(f.Schemas, f.Home) {
		r.fault(root, "home: %s is one of schemas: receipts and anchors need a schema of their own", f.Home)
	}
	for i := 0; root.Kind == yaml.MappingNode && i < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		f.Comments = comments(f.Comments, key, false)
		f.Comments = comments(f.Comments, value, key.Value != "tables")
	}
}

func (r *reader) tenant(t *Tenant, n *yaml.Node) {
	r.object(n, "tenant", []field{
		{"root", true, func(n *yaml.Node) {
			if t.Root = r.text(n); t.Root != "" && !strings.Contains(t.Root, ".") {
				r.fault(n, "tenant: root: want TABLE.COLUMN, like organizations.id")
			}
		}},
		{"type", true, func(n *yaml.Node) {
			if t.Type = r.text(n); t.Type != "" && !slices.Contains(Types, t.Type) {
				r.fault(n, "tenant: type: want one of %s", strings.Join(Types, ", "))
			}
		}},
		{"columns", false, func(n *yaml.Node) { t.Columns = r.texts(n) }},
	})
}

func (r *reader) tables(f *File, n *yaml.Node) {
	lines := map[string]int{}
	r.pairs(n, "tables", func(key, value *yaml.Node) {
		t := Table{RuleSpec: sqlplan.RuleSpec{Table: key.Value}}
		if _, _, ok := sqlplan.ParseTable("", key.Value); !ok {
			r.fault(key, "table %s: %s", key.Value, errTableName)
			return
		}
		if first, twice := lines[key.Value]; twice {
			r.fault(key, "table %s is here twice, first in line %d: remove one", key.Value, first)
			return
		}
		lines[key.Value] = key.Line
		for _, line := range comments(comments(nil, key, false), value, true) {
			if note, ours := strings.CutPrefix(line, notePrefix); ours {
				t.Notes = append(t.Notes, note)
			} else {
				t.Comments = append(t.Comments, line)
			}
		}
		r.table(&t, key, value)
		f.Tables = append(f.Tables, t)
	})
	switch {
	case len(f.Tables) > tablesMax:
		r.fault(n, "tables: more than %d: split the participant", tablesMax)
	case len(f.Tables) == 0 && n.Kind == yaml.MappingNode:
		r.fault(n, "tables: none: a plan without tables deletes nothing")
	}
}

func (r *reader) table(t *Table, key, n *yaml.Node) {
	before, what := len(r.faults), "table "+t.Table
	reason := func(into *string) func(*yaml.Node) { return func(n *yaml.Node) { *into = r.reason(n) } }
	reasons := func(into *map[string]string) func(*yaml.Node) {
		return func(n *yaml.Node) { *into = r.reasons(n, what) }
	}
	r.object(n, what, []field{
		{"by", false, func(n *yaml.Node) { t.By = r.texts(n) }},
		{"ignore", false, reasons(&t.Ignore)},
		{"keep_null", false, reason(&t.KeepNull)},
		{"via", false, func(n *yaml.Node) { r.via(t, n) }},
		{"where", false, func(n *yaml.Node) { t.Where = r.text(n) }},
		{"keep", false, reason(&t.Reason)},
		{"accept_triggers", false, reasons(&t.AcceptTriggers)},
		{"accept_actions", false, reasons(&t.AcceptActions)},
		{"decide", false, reason(&t.Decide)},
	})
	if len(r.faults) > before {
		return // what follows from a mistake is not told
	}
	if mistake := t.mistake(); mistake != "" {
		r.fault(key, "%s: %s", what, mistake)
	}
	t.Kept = t.Reason != "" && t.Where == ""
}

// mistake says what contradicts itself in a table, in the words of the file.
func (t *Table) mistake() string {
	said := t.RuleSpec
	said.Table = ""
	direct, via := len(t.By) > 0, t.ViaColumn != "" || t.PairType != ""
	switch {
	case t.Decide != "":
		if !reflect.ValueOf(said).IsZero() {
			return "decide stands beside a decision: remove decide when the decision is made"
		}
	case t.Where != "" && t.Reason == "":
		return "where needs keep: the reason why the other rows stay"
	case direct && via:
		return "by and via exclude each other: the parent says whose the rows are"
	case t.KeepNull != "" && !direct:
		return "keep_null belongs to by; of a path it is accept_null"
	case direct || via:
		if t.Reason != "" && t.Where == "" {
			return "keep stands beside by or via: remove one, or write where, which says what is kept"
		}
	case t.Reason == "":
		return "nothing is said of its rows: write by, via or keep"
	default:
		said.Reason = ""
		if !reflect.ValueOf(said).IsZero() {
			return "a table that is kept takes no other key"
		}
	}
	return t.mistakenPath()
}

func (t *Table) mistakenPath() string {
	parents := slices.Sorted(maps.Values(t.PairParents))
	switch {
	case t.ViaParent == t.Table || slices.Contains(parents, t.Table):
		return "via leads to the table itself: name its tenant column in by, or another parent"
	case t.PairType != "" && t.PairType == t.PairID:
		return "via: type and id are the same column"
	}
	for kind := range t.PairKept {
		if t.PairParents[kind] != "" {
			return "via: a type is in parents and in keep: remove one"
		}
	}
	return ""
}

// via reads a path by one column, or by a pair of them.
func (r *reader) via(t *Table, n *yaml.Node) {
	what := "table " + t.Table + ": via"
	null := field{"accept_null", false, func(n *yaml.Node) { t.AcceptNull = r.reason(n) }}
	if has(n, "type") || has(n, "id") || has(n, "parents") {
		r.object(n, what, []field{
			{"type", true, func(n *yaml.Node) { t.PairType = r.text(n) }},
			{"id", true, func(n *yaml.Node) { t.PairID = r.text(n) }},
			{"parents", true, func(n *yaml.Node) { t.PairParents = r.named(n, what+": parents", r.text) }},
			{"keep", false, func(n *yaml.Node) { t.PairKept = r.reasons(n, what+": keep") }},
			null,
		})
		return
	}
	r.object(n, what, []field{
		{"column", true, func(n *yaml.Node) { t.ViaColumn = r.text(n) }},
		{"parent", true, func(n *yaml.Node) { t.ViaParent = r.text(n) }},
		{"without_key", false, func(n *yaml.Node) { t.WithoutKey = r.reason(n) }},
		null,
	})
}

func has(n *yaml.Node, name string) bool {
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return true
		}
	}
	return false
}
