package demo

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
)

// page prints the demonstration. lipgloss drops colours by itself where NO_COLOR, a pipe or a dumb terminal asks for it.
type page struct {
	w       io.Writer
	section int
}

var (
	bold  = lipgloss.NewStyle().Bold(true)
	faint = lipgloss.NewStyle().Faint(true)
	good  = lipgloss.NewStyle().Foreground(lipgloss.Green).Bold(true)
	bad   = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
)

func (p *page) heading(format string, args ...any) {
	p.section++
	p.line("")
	p.line("%s", bold.Render(fmt.Sprintf("%d  %s", p.section, fmt.Sprintf(format, args...))))
}

func (p *page) line(format string, args ...any) {
	// A failed write to the terminal has nobody to be told; the demonstration's verdict is its exit status.
	_, _ = lipgloss.Fprintln(p.w, fmt.Sprintf(format, args...))
}

func (p *page) fact(name, format string, args ...any) {
	p.line("   %-12s %s", name, fmt.Sprintf(format, args...))
}

// verdict prints one checked claim and passes its truth on.
func (p *page) verdict(ok bool, format string, args ...any) bool {
	mark := good.Render("yes")
	if !ok {
		mark = bad.Render("NO ")
	}
	p.line("   %s  %s", mark, fmt.Sprintf(format, args...))
	return ok
}

// table prints rows with right-aligned numeric columns.
func (p *page) table(headers []string, numeric []int, rows [][]string) {
	t := table.New().Border(lipgloss.RoundedBorder()).BorderStyle(faint).Headers(headers...).Rows(rows...).
		StyleFunc(func(row, col int) lipgloss.Style {
			style := lipgloss.NewStyle().Padding(0, 1)
			if row == table.HeaderRow {
				style = style.Bold(true)
			}
			if slices.Contains(numeric, col) {
				style = style.Align(lipgloss.Right)
			}
			return style
		})
	for line := range strings.SplitSeq(t.String(), "\n") {
		p.line("   %s", line)
	}
}

// thousands writes 494500 as 494,500.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
