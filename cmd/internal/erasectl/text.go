package erasectl

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
)

// moment shows a time; the zero time is empty.
func (p *paper) moment(at time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case p.iso:
		return at.UTC().Format(time.RFC3339)
	}
	return ago(p.now.Sub(at))
}

// instant is moment for a time that may be missing.
func (p *paper) instant(at *time.Time) string {
	if at == nil {
		return ""
	}
	return p.moment(*at)
}

// ago is a distance in time with its largest unit, and the next one where it matters.
func ago(d time.Duration) string {
	form := "%s ago"
	if d < 0 {
		form, d = "in %s", -d
	}
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf(form, fmt.Sprintf("%ds", int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf(form, fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60))
	case d < 48*time.Hour:
		return fmt.Sprintf(form, fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60))
	}
	return fmt.Sprintf(form, fmt.Sprintf("%dd", int(d.Hours())/24))
}

// thousands writes 494500 as 494,500.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func total(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// words joins what has a text.
func words[T ~string](all []T) string {
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = string(one)
	}
	return strings.Join(texts, ", ")
}

// parseMoment reads a time of a flag: RFC 3339, a day, or a distance like 36h or 7d, which lies in the direction that the
// flag is about.
func parseMoment(flag, text string, now time.Time, direction int) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return day, nil
	}
	if d, err := parseDistance(text); err == nil {
		return now.Add(time.Duration(direction) * d), nil
	}
	return time.Time{}, app.Usage("--%s: want a time like 2026-11-24T08:00:00Z, a day like 2026-11-24, "+
		"or a distance like 36h or 7d", flag)
}

// parseDistance is time.ParseDuration with days.
func parseDistance(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > distanceDaysMax {
			return 0, fmt.Errorf("want days from 0 to %d", distanceDaysMax)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("want a duration like 36h")
	}
	return d, nil
}

// distanceDaysMax is ten years: further away nobody plans, and nothing overflows.
const distanceDaysMax = 3660
