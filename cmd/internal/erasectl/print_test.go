package erasectl

import (
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

func stat(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestYAMLSaysWhatJSONSays(t *testing.T) {
	t.Parallel()
	type nested struct {
		Text   string           `json:"text"`
		Number int64            `json:"number"`
		Big    uint64           `json:"big"`
		Map    map[string]int64 `json:"map"`
		List   []string         `json:"list"`
		None   *int             `json:"none"`
	}
	for _, text := range []string{"", "123", "1e3", "0x10", "0o7", "true", "no", "null", "~", "-", "- a", "a: b", "#x", "'", `"`,
		`\`,
		"a\nb", "a\r\nb",
		"2026-11-24T08:00:00Z", "2026-11-24", " lead", "trail ", "*a", "&a", "!a", "%a", "@a", "`a", "{a", "[a", "|", ">", "? a", "é✓",
		"=", "<<", ".inf", "+1",
		"1_000", "1:20", "\t", "a\tb", "end:", "--- a", "...", "\u2028", "\u0085", "\x00", "\x1b[31m", "tilde~", "a #b"} {
		v := nested{Text: text, Number: math.MaxInt64, Big: math.MaxUint64, List: []string{text, "x"},
			Map: map[string]int64{text: math.MinInt64, "y": 9007199254740993}}
		out, err := inYAML(v)
		require.NoError(t, err, "%q", text)
		var back nested
		require.NoError(t, yaml.UnmarshalWithOptions(out, &back, yaml.UseJSONUnmarshaler()), "%q:\n%s", text, out)
		require.Equal(t, v, back, "%q:\n%s", text, out)
	}
}

func TestNumbersAreExact(t *testing.T) {
	t.Parallel()
	out, err := json.Marshal(map[string]int64{"rows": math.MaxInt64})
	require.NoError(t, err)
	require.JSONEq(t, `{"rows":9223372036854775807}`, string(out))
	require.Equal(t, "9,223,372,036,854,775,807", thousands(math.MaxInt64))
	require.Equal(t, "-1,000", thousands(-1000))
	require.Equal(t, "999", thousands(999))
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{0: "now", 3 * time.Second: "3s ago", -time.Hour: "in 1h00m",
		61 * time.Second: "1m01s ago", 47 * time.Hour: "47h00m ago", 72 * time.Hour: "3d ago", -30 * 24 * time.Hour: "in 30d"} {
		require.Equal(t, want, ago(d))
	}
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{"2026-11-24T09:00:00+01:00": now, "36h": now.Add(-36 * time.Hour),
		"7d": now.AddDate(0, 0, -7)} {
		at, err := parseMoment("since", text, now, -1)
		require.NoError(t, err)
		require.True(t, want.Equal(at), text)
	}
}

func TestCellsAreOneLineEach(t *testing.T) {
	t.Parallel()
	p := &paper{}
	c := columns{headers: []string{"a", "empty", "n"}, numeric: []string{"n"}}
	c.row("x\n\x1b[31my", "", "7")
	c.row("z", "", "1,234")
	p.table(c)
	require.Equal(t, "A            N\nx [31my      7\nz        1,234\n", p.text.String())
}
