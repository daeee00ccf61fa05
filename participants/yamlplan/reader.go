package yamlplan

import (
	"fmt"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// reasonBytesMax is what a preview and a certificate carry of a reason.
const reasonBytesMax = 512

// reader reads a tree of words and collects every mistake with its place.
type reader struct {
	lines  []string
	faults []Fault
}

// field is a key of an object.
type field struct {
	name     string
	required bool
	read     func(value *yaml.Node)
}

func (r *reader) fault(n *yaml.Node, format string, args ...any) {
	f := Fault{Line: n.Line, Column: n.Column, Text: printable(fmt.Sprintf(format, args...))}
	if n.Line >= 1 && n.Line <= len(r.lines) {
		f.excerpt = r.lines[n.Line-1]
	}
	r.faults = append(r.faults, f)
}

// object reads the fields of a mapping; every other key is a mistake.
func (r *reader) object(n *yaml.Node, what string, fields []field) {
	at, misspelt := map[string]int{}, false
	r.pairs(n, what, func(key, value *yaml.Node) {
		first, twice := at[key.Value]
		at[key.Value] = key.Line
		for _, f := range fields {
			if f.name != key.Value {
				continue
			}
			if twice {
				r.fault(key, "%s: %s is here twice, first in line %d: remove one", what, key.Value, first)
				return
			}
			f.read(value)
			return
		}
		misspelt = true
		r.fault(key, "%s: there is no key %s; there are %s", what, key.Value, names(fields))
	})
	for _, f := range fields {
		if _, given := at[f.name]; f.required && !given && !misspelt && n.Kind == yaml.MappingNode {
			r.fault(n, "%s: %s is missing", what, f.name)
		}
	}
}

func names(fields []field) string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.name
	}
	return strings.Join(all, ", ")
}

// pairs walks a mapping whose keys are texts.
func (r *reader) pairs(n *yaml.Node, what string, each func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode || n.Anchor != "" || n.ShortTag() != "!!map" {
		r.fault(n, "%s: want key: value, and no anchors or tags", what)
		return
	}
	for i := 0; i < len(n.Content); i += 2 {
		if key := n.Content[i]; r.isText(key, what+": a key") {
			each(key, n.Content[i+1])
		}
	}
}

// named reads a mapping of texts.
func (r *reader) named(n *yaml.Node, what string, read func(*yaml.Node) string) map[string]string {
	all := map[string]string{}
	r.pairs(n, what, func(key, value *yaml.Node) {
		if _, twice := all[key.Value]; twice {
			r.fault(key, "%s: %s is here twice: remove one", what, key.Value)
		}
		all[key.Value] = read(value)
	})
	if len(all) == 0 && n.Kind == yaml.MappingNode {
		r.fault(n, "%s: is empty: remove it, or name something", what)
	}
	return all
}

func (r *reader) reasons(n *yaml.Node, what string) map[string]string {
	return r.named(n, what, r.reason)
}

// reason reads why something was decided.
func (r *reader) reason(n *yaml.Node) string {
	text := r.text(n)
	if len(text) > reasonBytesMax {
		r.fault(n, "the reason is longer than %d bytes", reasonBytesMax)
	}
	return text
}

// texts reads one text, or a list of them.
func (r *reader) texts(n *yaml.Node) (all []string) {
	if n.Kind != yaml.SequenceNode {
		return []string{r.text(n)}
	}
	if n.Anchor != "" || n.ShortTag() != "!!seq" || len(n.Content) == 0 {
		r.fault(n, "want a text or a list of texts")
	}
	for _, one := range n.Content {
		text := r.text(one)
		for _, before := range all {
			if before == text {
				r.fault(one, "%s is here twice: remove one", text)
			}
		}
		all = append(all, text)
	}
	return all
}

func (r *reader) text(n *yaml.Node) string {
	if !r.isText(n, "this") {
		return ""
	}
	return n.Value
}

// isText refuses what YAML reads as something else, or from somewhere else: a table may well be called true.
func (r *reader) isText(n *yaml.Node, what string) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.fault(n, "%s: a plan has no anchors and aliases: write it out", what)
	case n.Kind != yaml.ScalarNode:
		r.fault(n, "%s: want a text", what)
	case n.ShortTag() == "!!null" && n.Value == "":
		r.fault(n, "%s: a text is missing", what)
	case n.ShortTag() != "!!str":
		r.fault(n, "%s: %s is no text for YAML: write it in quotes", what, n.Value)
	case strings.TrimSpace(n.Value) == "":
		r.fault(n, "%s: the text is empty: write it, a reason where one is asked for", what)
	case strings.ContainsFunc(n.Value, unicode.IsControl):
		r.fault(n, "%s: has line breaks or control characters: write it in one line", what)
	default:
		return true
	}
	return false
}

// comments adds the comments at a node to the lines, and those of everything in it when deep.
func comments(lines []string, n *yaml.Node, deep bool) []string {
	for _, text := range []string{n.HeadComment, n.LineComment, n.FootComment} {
		for line := range strings.SplitSeq(text, "\n") {
			if line = strings.TrimRightFunc(line, unicode.IsSpace); line != "" {
				lines = append(lines, line)
			}
		}
	}
	for _, below := range n.Content {
		if deep {
			lines = comments(lines, below, true)
		}
	}
	return lines
}

// printable is a text in one line, whatever a file holds.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}
