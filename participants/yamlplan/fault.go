package yamlplan

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Fault is one mistake in a file.
type Fault struct {
	Line, Column int
	// Text says what is wrong and the way out, in one line.
	Text string
	// excerpt is the line itself.
	excerpt string
}

// InvalidError is everything that is wrong with a file.
type InvalidError struct {
	Name   string
	Faults []Fault
}

// Error tells the first mistake in one line.
func (e *InvalidError) Error() string {
	first := e.Faults[0]
	text := fmt.Sprintf("%s:%d:%d: %s", e.Name, first.Line, first.Column, first.Text)
	if more := len(e.Faults) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// Unwrap makes it events.ErrInvalid.
func (e *InvalidError) Unwrap() error { return events.ErrInvalid }

// Explain tells every mistake with its line and a caret below it, for a terminal. It is empty where Error says it all.
func (e *InvalidError) Explain() string {
	if len(e.Faults) == 1 && e.Faults[0].excerpt == "" {
		return ""
	}
	var text strings.Builder
	for _, f := range e.Faults {
		fmt.Fprintf(&text, "%s:%d:%d: %s\n", e.Name, f.Line, f.Column, f.Text)
		if excerpt, caret := f.underlined(); excerpt != "" {
			fmt.Fprintf(&text, "%6d | %s\n       | %s^\n", f.Line, excerpt, caret)
		}
	}
	return text.String()
}

// Limits of what is shown of a line: it stays a line on any terminal, with the caret in sight.
const (
	excerptMax    = 100
	excerptBefore = 60
)

// underlined is the line around the fault, and what stands before its caret.
func (f Fault) underlined() (excerpt, before string) {
	line := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, f.excerpt))
	at := min(max(f.Column-1, 0), len(line))
	if from := at - excerptBefore; from > 0 {
		line, at = line[from:], excerptBefore
	}
	if len(line) > excerptMax {
		line = line[:excerptMax]
	}
	return strings.TrimRight(string(line), " "), strings.Repeat(" ", at)
}

// unreadable is the fault of a text that is no YAML. The tree comes from a library that keeps comments and the place of every
// word, and does not tell where it stopped reading; this one does.
func unreadable(text []byte, lines []string, cause error) Fault {
	f := Fault{Line: 1, Column: 1, Text: "is no YAML: " + strings.TrimPrefix(cause.Error(), "yaml: ") + "; correct it"}
	_, err := parser.ParseBytes(text, 0)
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil {
		position := at.GetToken().Position
		f.Line, f.Column, f.Text = position.Line, position.Column, "is no YAML: "+at.GetMessage()+"; correct it"
	}
	if f.Line >= 1 && f.Line <= len(lines) {
		f.excerpt = lines[f.Line-1]
	}
	return f
}
