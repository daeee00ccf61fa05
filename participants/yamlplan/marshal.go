package yamlplan

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// notePrefix begins the lines that Update writes, as gettext marks those of its own programs.
const notePrefix = "#: "

// indent is the step to the right of what belongs to a key.
const indent = 2

// flowWidthMax is how long a table's line may be; a longer one is written line by line.
const flowWidthMax = 100

// Marshal writes a file that Parse reads as the same, for people: sorted tables, a line for a table where it fits, and above
// it what Update saw and what a person wrote.
func (f *File) Marshal() ([]byte, error) {
	root := mapping()
	add(root, "participant", scalar(string(f.Participant)))
	add(root, "home", scalar(f.Home))
	add(root, "schemas", flow(list(f.Schemas)))
	tenant := flow(mapping())
	add(tenant, "root", scalar(f.Tenant.Root))
	add(tenant, "type", scalar(f.Tenant.Type))
	if len(f.Tenant.Columns) > 0 {
		add(tenant, "columns", list(f.Tenant.Columns))
	}
	add(root, "tenant", tenant)
	tables := mapping()
	for _, t := range f.Tables {
		add(tables, t.Table, fitted(t.Table, t.node(), 1))
		tables.Content[len(tables.Content)-2].HeadComment = strings.Join(t.head(), "\n")
	}
	add(root, "tables", tables)
	var text bytes.Buffer
	for _, line := range f.Comments {
		text.WriteString(line + "\n")
	}
	if len(f.Comments) > 0 {
		text.WriteByte('\n')
	}
	enc := yaml.NewEncoder(&text)
	enc.SetIndent(indent)
	if err := enc.Encode(root); err != nil {
		return nil, fmt.Errorf("yamlplan: write: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("yamlplan: write: %w", err)
	}
	return text.Bytes(), nil
}

// head are the lines above a table.
func (t *Table) head() (lines []string) {
	lines = append(lines, t.Comments...)
	for _, note := range t.Notes {
		lines = append(lines, notePrefix+note)
	}
	return lines
}

func (t *Table) node() *yaml.Node {
	n := mapping()
	text := func(key, value string) {
		if value != "" {
			add(n, key, scalar(value))
		}
	}
	named := func(key string, values map[string]string) {
		if len(values) > 0 {
			add(n, key, sorted(values))
		}
	}
	switch len(t.By) {
	case 0:
	case 1:
		add(n, "by", scalar(t.By[0]))
	default:
		add(n, "by", flow(list(t.By)))
	}
	named("ignore", t.Ignore)
	text("keep_null", t.KeepNull)
	if via := t.via(); len(via.Content) > 0 {
		add(n, "via", via)
	}
	text("where", t.Where)
	text("keep", t.Reason)
	named("accept_triggers", t.AcceptTriggers)
	named("accept_actions", t.AcceptActions)
	text("decide", t.Decide)
	return n
}

// via is the path to the parent; empty when there is none.
func (t *Table) via() *yaml.Node {
	n := mapping()
	text := func(key, value string) {
		if value != "" {
			add(n, key, scalar(value))
		}
	}
	text("column", t.ViaColumn)
	text("parent", t.ViaParent)
	text("without_key", t.WithoutKey)
	text("type", t.PairType)
	text("id", t.PairID)
	if len(t.PairParents) > 0 {
		add(n, "parents", sorted(t.PairParents))
	}
	if len(t.PairKept) > 0 {
		add(n, "keep", sorted(t.PairKept))
	}
	text("accept_null", t.AcceptNull)
	return n
}

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode} }

func sorted(values map[string]string) *yaml.Node {
	n := mapping()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		add(n, key, scalar(values[key]))
	}
	return n
}

func list(values []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, v := range values {
		n.Content = append(n.Content, scalar(v))
	}
	return n
}

// scalar is a text. Its tag makes the writer quote what would be read as anything else, but for the sign of a merge.
func scalar(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	if text == "<<" {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func add(n *yaml.Node, key string, value *yaml.Node) {
	n.Content = append(n.Content, scalar(key), value)
}

func flow(n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.ScalarNode {
		n.Style = yaml.FlowStyle
	}
	for _, below := range n.Content {
		if below.Kind != yaml.ScalarNode {
			flow(below)
		}
	}
	return n
}

// fitted writes a value in one line where that is short enough, else its keys one below the other, each of them fitted.
func fitted(key string, value *yaml.Node, depth int) *yaml.Node {
	if value.Kind == yaml.ScalarNode || indent*depth+utf8.RuneCountInString(key)+flowWidth(value) <= flowWidthMax {
		return flow(value)
	}
	for i := 0; value.Kind == yaml.MappingNode && i < len(value.Content); i += 2 {
		fitted(value.Content[i].Value, value.Content[i+1], depth+1)
	}
	return value
}

// flowWidth is about how long a value is in one line, with what stands around it.
func flowWidth(n *yaml.Node) int {
	width := utf8.RuneCountInString(n.Value) + len(", ")
	for _, below := range n.Content {
		width += flowWidth(below)
	}
	return width
}
