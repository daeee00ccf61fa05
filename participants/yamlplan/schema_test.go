package yamlplan

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// compiled is the schema as an editor uses it.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("plan.v1.json", document))
	schema, err := c.Compile("plan.v1.json")
	require.NoError(t, err)
	return schema
}

func asJSON(t require.TestingT, text string) (v any) {
	require.NoError(t, yaml.Unmarshal([]byte(text), &v))
	return v
}

func TestSchema(t *testing.T) {
	t.Parallel()
	schema := compiled(t)

	t.Run("accepts what Marshal writes", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			text, err := files().Draw(t, "file").Marshal()
			require.NoError(t, err)
			require.NoError(t, schema.Validate(asJSON(t, string(text))))
		})
	})
	t.Run("judges as the parser does", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, schema.Validate(asJSON(t, whole)))
		for _, line := range []string{"a: {}", "a: {bye: x}", "a: {keep: ''}", "a: {keep: 12}", "a: {by: true}", "a: {by: []}",
			"a: {by: [x, x]}",
			"a: {by: {x: y}}", "a: {via: {column: x}}", "a: {via: {column: x, parent: y, type: z}}", "a: {via: {type: x, id: y}}",
			"a: {via: {type: x, id: y, parents: {}}}", "a: {by: x, decide: y}", "a: {accept_triggers: {}}", "a: {accept_actions: x}",
			"a: {by: x, ignore: {y: ''}}", "a: [x]", "a: x", "a: {keep: " + strings.Repeat("x", 513) + "}", `a: {keep: "x\ny"}`,
			"a: {by: x, where: y = 1}", "a: {by: x, via: {column: y, parent: z}}", "a: {by: x, keep: y}", "a: {ignore: {x: y}}",
			"a: {via: {column: y, parent: z}, keep_null: x}", "a: {keep: x, ignore: {x: y}}", "a: {where: x = 1}"} {
			text := head + "  " + line + "\n"
			_, err := Parse("p", []byte(text))
			require.Error(t, err, line)
			require.Error(t, schema.Validate(asJSON(t, text)), line)
		}
		for _, of := range []string{"participant", "home", "schemas", "tenant", "tables"} {
			text := strings.Replace(whole, "\n"+of+":", "\nother:", 1)
			_, err := Parse("p", []byte(text))
			require.Error(t, err, of)
			require.Error(t, schema.Validate(asJSON(t, text)), of)
		}
	})
	t.Run("names the same types of tenants", func(t *testing.T) {
		t.Parallel()
		for _, typed := range append([]string{"citext"}, Types...) {
			text := strings.Replace(whole, "type: uuid", "type: "+typed, 1)
			_, err := Parse("p", []byte(text))
			require.Equal(t, err == nil, schema.Validate(asJSON(t, text)) == nil, typed)
		}
	})
	t.Run("knows the keys that the parser names", func(t *testing.T) {
		t.Parallel()
		_, err := Parse("p", []byte(head+"  a: {nope: x}\n"))
		_, listed, found := strings.Cut(err.Error(), "there are ")
		require.True(t, found)
		require.ElementsMatch(t, strings.Split(listed, ", "), slices.Collect(maps.Keys(keysOf(t, "table"))))
	})
}

func TestThePageShowsEveryKey(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "plans.md"))
	require.NoError(t, err)
	_, block, found := strings.Cut(string(page), "```yaml\n")
	require.True(t, found)
	example, rest, _ := strings.Cut(block, "```")
	f, err := Parse("plans.md", []byte(example))
	require.NoError(t, err)
	require.Equal(t, []string{"audit"}, f.Undecided())
	require.NoError(t, compiled(t).Validate(asJSON(t, example)))
	for _, table := range []string{"table", "via", "pair"} {
		for key := range keysOf(t, table) {
			require.Contains(t, rest, key, "the table of keys explains it")
		}
	}
}

// keysOf are the keys of an object of the schema.
func keysOf(t *testing.T, name string) map[string]any {
	t.Helper()
	var document struct {
		Defs map[string]struct{ Properties map[string]any } `yaml:"$defs"`
	}
	require.NoError(t, yaml.Unmarshal(Schema, &document))
	require.NotEmpty(t, document.Defs[name].Properties)
	return document.Defs[name].Properties
}
