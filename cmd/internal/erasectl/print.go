package erasectl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
)

// show prints one value in the chosen form; draw is how people see it.
func (k *console) show(v any, draw func(*paper)) error {
	switch k.output {
	case outputJSON:
		return k.write(json.MarshalIndent(v, "", "  "))
	case outputJSONL:
		return k.write(json.Marshal(v))
	case outputYAML:
		return k.write(inYAML(v))
	}
	p := k.paper()
	draw(p)
	return k.write(p.text.Bytes(), nil)
}

// showAll prints a list: one array in JSON and YAML, a line for each in JSON lines. Of an empty list a table says none, on
// standard error.
func showAll[T any](k *console, all []T, none string, draw func(*paper)) error {
	switch {
	case k.output == outputJSONL:
		for _, v := range all {
			if err := k.write(json.Marshal(v)); err != nil {
				return err
			}
		}
		return nil
	case k.output != outputTable:
		return k.show(append([]T{}, all...), nil) // never null, which slices.Concat would make of nothing
	case len(all) == 0:
		k.say("%s", none)
		return nil
	}
	return k.show(all, draw)
}

// emit prints one value of a stream: a line of JSON, a YAML document, or a line for people.
func (k *console) emit(v any, draw func(*paper)) error {
	switch k.output {
	case outputJSON, outputJSONL:
		return k.write(json.Marshal(v))
	case outputYAML:
		text, err := inYAML(v)
		return k.write(append([]byte("---\n"), text...), err)
	}
	return k.show(v, draw)
}

func (k *console) write(text []byte, err error) error {
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	if _, err := k.out.Write(text); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// say tells people something that is no data, in one line on standard error.
func (k *console) say(format string, args ...any) {
	// A failed write to standard error has nobody to be told.
	_, _ = fmt.Fprintln(k.err, app.OneLine(fmt.Sprintf(format, args...)))
}

// paper is what people see: facts and tables. What it is given is made fit for a terminal, whoever wrote it.
type paper struct {
	text  bytes.Buffer
	paint bool
	iso   bool
	now   time.Time
}

func (k *console) paper() *paper {
	return &paper{paint: k.paint, iso: k.timeForm == timeISO, now: k.now()}
}

func (p *paper) line(format string, args ...any) {
	p.text.WriteString(app.OneLine(fmt.Sprintf(format, args...)) + "\n")
}

// verdict is a line that begins with how something stands.
func (p *paper) verdict(word, format string, args ...any) {
	p.text.WriteString(p.mark(app.OneLine(word)) + "  " + app.OneLine(fmt.Sprintf(format, args...)) + "\n")
}

// row prints cells of a stream that has no end, and so no widths.
func (p *paper) row(cells ...string) {
	var filled []string
	for _, cell := range cells {
		if fit := app.OneLine(cell); fit != "" {
			filled = append(filled, fit+strings.Repeat(" ", max(len(cell)-len(fit), 0)))
		}
	}
	p.text.WriteString(strings.TrimRight(strings.Join(filled, "  "), " ") + "\n")
}

func (p *paper) gap() { p.text.WriteByte('\n') }

// fact prints one named value; an empty one is left out.
func (p *paper) fact(name, value string) {
	if value = app.OneLine(value); value != "" {
		p.text.WriteString(p.style(lipgloss.NewStyle().Faint(true), fmt.Sprintf("%-13s", name)) + " " + p.mark(value) + "\n")
	}
}

// columns are a table. Numeric ones are aligned to the right, columns that are empty throughout are left out.
type columns struct {
	headers []string
	numeric []string
	rows    [][]string
}

func (c *columns) row(cells ...string) { c.rows = append(c.rows, cells) }

func (p *paper) table(c columns) {
	c = c.clean()
	last := len(c.headers) - 1
	t := table.New().Headers(c.headers...).Rows(c.rows...).Wrap(false).BorderTop(false).BorderBottom(false).BorderLeft(false).
		BorderRight(false).BorderHeader(false).BorderColumn(false).StyleFunc(func(row, col int) lipgloss.Style {
		style := lipgloss.NewStyle()
		if col < last {
			style = style.PaddingRight(2)
		}
		if slices.Contains(c.numeric, c.headers[col]) {
			style = style.Align(lipgloss.Right)
		}
		if row == table.HeaderRow {
			return p.only(style.Bold(true), style)
		}
		return p.only(style.Inherit(tone(c.rows[row][col])), style)
	})
	for line := range strings.SplitSeq(t.String(), "\n") {
		p.text.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func (c columns) clean() columns {
	var keep []int
	for i := range c.headers {
		if slices.ContainsFunc(c.rows, func(row []string) bool { return row[i] != "" }) {
			keep = append(keep, i)
		}
	}
	pick := func(cells []string, fit func(string) string) []string {
		picked := make([]string, len(keep))
		for i, at := range keep {
			picked[i] = fit(cells[at])
		}
		return picked
	}
	out := columns{headers: pick(c.headers, strings.ToUpper), rows: make([][]string, len(c.rows))}
	for i, row := range c.rows {
		out.rows[i] = pick(row, app.OneLine)
	}
	for _, name := range c.numeric {
		out.numeric = append(out.numeric, strings.ToUpper(name))
	}
	return out
}

// tone is the colour of a word that says how something stands.
func tone(word string) lipgloss.Style {
	switch word {
	case "completed", "succeeded", "ok", "live", "applied", "replayed", "resent":
		return lipgloss.NewStyle().Foreground(lipgloss.Green)
	case "failed", "refused", "refuse", "fail", "silent", "overdue":
		return lipgloss.NewStyle().Foreground(lipgloss.Red)
	case "awaiting_approval", "decide", "warn", "pending", "cancelled", "rejected", "skipped":
		return lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	}
	return lipgloss.NewStyle()
}

func (p *paper) mark(value string) string { return p.style(tone(value), value) }

func (p *paper) style(s lipgloss.Style, text string) string {
	return p.only(s, lipgloss.NewStyle()).Render(text)
}

// only is the coloured style where colours are wanted.
func (p *paper) only(coloured, plain lipgloss.Style) lipgloss.Style {
	if p.paint {
		return coloured
	}
	return plain
}
