package sqlplan

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPredicate(t *testing.T) {
	t.Parallel()

	t.Run("is written anew, quoted", func(t *testing.T) {
		t.Parallel()
		for text, want := range map[string]string{
			"is_system = false":                        `t."is_system" = false`,
			"is_system=FALSE and kind<>'it''s'":        `t."is_system" = false AND t."kind" <> 'it''s'`,
			`"Order" IN (1, -2, 0.50)`:                 `t."Order" IN (1, -2, 0.50)`,
			"deleted_at is not null AND x IS NULL":     `t."deleted_at" IS NOT NULL AND t."x" IS NULL`,
			`"we""ird" = 'a -- b; DROP TABLE c'`:       `t."we""ird" = 'a -- b; DROP TABLE c'`,
			"größe = 1":                                `t."größe" = 1`,
			`path = 'C:\temp'`:                         `t."path" =  E'C:\\temp'`,
			"and = 1 AND in IN ('in') AND is IS  NULL": `t."and" = 1 AND t."in" IN ('in') AND t."is" IS NULL`,
		} {
			list, err := parsePredicate(text)
			require.NoError(t, err, text)
			var terms []string
			for _, c := range list {
				terms = append(terms, c.sql("t"))
			}
			require.Equal(t, want, allOf(terms), text)
		}
	})

	t.Run("anything else is refused", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"", " ", "a", "a =", "= 1", "a = b", "a = 1 OR b = 2", "NOT a = 1", "(a = 1)", "a = 1;",
			"a = 1 --",
			"a = 1 /* x */", "lower(a) = 'x'", "a > 1", "a != 1", "a LIKE 'x'", "a = 'x", `"a = 1`, "a = 1e5", "a = 007",
			"a = 0x1F", "a = 1_000",
			"a = 99999999999999999999", "a = $1", "a = NULL", "a IS 1", "a IS NOT", "a IN ()", "a IN (1", "a IN 1", "a IN (1,)",
			"a = 1 AND",
			"AND a = 1", "a = 'x\x00'", "a = 'x\n'", "a = '\xff'", "a::text = 'x'", "a = 'x'::text", "t.a = 1", "a = E'x'",
			"a = true false",
			strings.Repeat("a = 1 AND ", 20) + "a = 1"} {
			_, err := parsePredicate(text)
			require.Error(t, err, text)
		}
	})

	t.Run("no text gets out of its literal or its name", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.StringOf(rapid.SampledFrom([]rune(`a'"\=,()-;$ 1`))).Draw(t, "text")
			list, err := parsePredicate(text)
			if err != nil {
				return
			}
			for _, c := range list {
				again, err := parsePredicate(strings.ReplaceAll(strings.TrimPrefix(c.sql("t"), "t."), " E'", "'"))
				if err != nil && !strings.Contains(text, `\`) || err == nil && len(again) != 1 {
					t.Fatalf("%q is written %q", text, c.sql("t"))
				}
			}
		})
	})

	t.Run("columns are compared only with what they hold", func(t *testing.T) {
		t.Parallel()
		enum := column{Type: "crm.kind", Labels: []string{"system", "own"}}
		for text, c := range map[string]struct {
			col  column
			fits bool
		}{
			"a = true": {column{Type: "bool"}, true}, "a = 1": {column{Type: "bool"}, false}, "a = 'true'": {column{Type: "bool"}, false},
			"a = 2": {column{Type: "int4"}, true}, "a = 2.5": {column{Type: "numeric"}, true}, "a = 3": {column{Type: "float8"}, false},
			"a = '2'": {column{Type: "int4"}, false}, "a = 'x'": {column{Type: "text"}, true},
			"a = 'y'": {column{Type: "text", Loose: true}, false},
			"a = 'z'": {column{Type: "public.citext"}, false}, "a = 'system'": {enum, true}, "a = 'other'": {enum, false},
			"a IN ('own', 'system')": {enum, true}, "a IS NULL": {column{Type: "jsonb"}, true},
			"a = '2026-01-01'": {column{Type: "date"}, false},
		} {
			list, err := parsePredicate(text)
			require.NoError(t, err, text)
			require.Equal(t, c.fits, list[0].fits(c.col) == "", text)
		}
	})
}
