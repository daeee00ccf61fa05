package sqlplan

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTableNames(t *testing.T) {
	t.Parallel()

	t.Run("every table has one name, and every name is read as its table", func(t *testing.T) {
		t.Parallel()
		part := rapid.StringOfN(rapid.SampledFrom([]rune(`ab."' $Ä`)), 1, 8, -1)
		rapid.Check(t, func(t *rapid.T) {
			first, schema, name := part.Draw(t, "first"), part.Draw(t, "schema"), part.Draw(t, "name")
			text := TableName(first, schema, name)
			gotSchema, gotName, ok := ParseTable(first, text)
			if !ok || gotSchema != schema || gotName != name {
				t.Fatalf("%q is read as %q, %q, %v", text, gotSchema, gotName, ok)
			}
			column := part.Draw(t, "column")
			table, gotColumn, ok := splitColumn(text + "." + namePart(column))
			if !ok || table != text || gotColumn != column {
				t.Fatalf("%q.%q is split into %q and %q", text, column, table, gotColumn)
			}
		})
	})

	t.Run("plain names are written plainly, case included", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, "Order", TableName("public", "public", "Order"))
		require.Equal(t, "billing.my table", TableName("public", "billing", "my table"))
		require.Equal(t, `"my.schema"."we""ird"`, TableName("public", "my.schema", `we"ird`))
	})

	t.Run("what is not of the form names no table", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"", ".", "a.", ".a", "a.b.c", `"a`, `a"`, `"a"b`, `a"b`, `""`, `"a".`, `"a"".b`} {
			_, _, ok := ParseTable("public", text)
			require.False(t, ok, text)
		}
		for _, text := range []string{"", "a", ".a", "a.", `"a.b"`, `"a".`, `a."b`} {
			_, _, ok := splitColumn(text)
			require.False(t, ok, text)
		}
	})
}

func TestQuote(t *testing.T) {
	t.Parallel()
	require.Equal(t, `'it''s'`, quote("it's"))
	require.Equal(t, ` E'a\\''b'`, quote(`a\'b`), "whatever standard_conforming_strings says")
}
