package events_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/schema"
)

func protocol(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "docs", "protocol.md"))
	require.NoError(t, err)
	return string(page)
}

// blocks are the fenced blocks of a page in a language.
func blocks(page, language string) (all []string) {
	for _, m := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)\n```").FindAllStringSubmatch(page, -1) {
		all = append(all, m[1])
	}
	return all
}

// constants are the constants of a package's files whose value stands alone, by name.
func constants(t *testing.T, pattern string) map[string]constant.Value {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	found := map[string]constant.Value{}
	set := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, value := range spec.Values {
				text := types.ExprString(value)
				if got, err := types.Eval(set, nil, token.NoPos, text); err == nil && got.Value != nil {
					found[spec.Names[i].Name] = got.Value
				}
			}
			return true
		})
	}
	return found
}

// What the code calls the things of the wire, the page calls them too.
func TestProtocolNamesWhatTheCodeNames(t *testing.T) {
	t.Parallel()
	page := protocol(t)
	wants := func(t *testing.T, text string) {
		t.Helper()
		require.Contains(t, page, text)
	}
	t.Run("every word of the contract is on the page", func(t *testing.T) {
		t.Parallel()
		inner := []string{"ConsumerIntake", "ConsumerResults", "ConsumerDead"} // nobody else's business
		n := 0
		for name, value := range constants(t, "*.go") {
			if value.Kind() == constant.String && !slices.Contains(inner, name) {
				wants(t, strings.TrimSpace(constant.StringVal(value)))
				n++
			}
		}
		require.Greater(t, n, 20)
	})
	t.Run("every limit is on the page, and that of a name as its form", func(t *testing.T) {
		t.Parallel()
		n := 0
		for name, value := range constants(t, "*.go") {
			if value.Kind() == constant.Int && strings.HasSuffix(name, "Max") {
				require.Regexp(t, `(^|[^0-9])`+value.ExactString()+`([^0-9]|$)`, page, name)
				n++
			}
		}
		require.GreaterOrEqual(t, n, 9)
		for _, file := range []string{"ids.go", "validate.go"} {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			forms := regexp.MustCompile("MustCompile\\(`([^`]+)`\\)").FindAllStringSubmatch(string(text), -1)
			require.NotEmpty(t, forms)
			for _, form := range forms {
				if !strings.Contains(form[1], `\x00`) { // a table's name, which the page puts in words
					wants(t, "`"+form[1]+"`")
				}
			}
		}
	})
	t.Run("every code and mode of a participant is on the page, and the page has no other code", func(t *testing.T) {
		t.Parallel()
		var codes []string
		for name, value := range constants(t, filepath.Join("..", "participants", "eraser.go")) {
			switch {
			case strings.HasPrefix(name, "Code"):
				codes = append(codes, constant.StringVal(value))
			case strings.HasPrefix(name, "Mode"):
				wants(t, "`"+constant.StringVal(value)+"`")
			}
		}
		_, table, ok := strings.Cut(page, "| code | meaning |\n|---|---|\n")
		require.True(t, ok)
		table, _, _ = strings.Cut(table, "\n\n")
		var told []string
		for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` ").FindAllStringSubmatch(table, -1) {
			told = append(told, row[1])
		}
		require.ElementsMatch(t, codes, told)
	})
	t.Run("every acknowledgement is on the page", func(t *testing.T) {
		t.Parallel()
		n := 0
		for name, value := range constants(t, filepath.Join("bus", "ack.go")) {
			if strings.HasPrefix(name, "word") {
				wants(t, "`"+constant.StringVal(value))
				n++
			}
		}
		require.Equal(t, 4, n)
	})
}

func TestProtocolNamesWhatTheFilesName(t *testing.T) {
	t.Parallel()
	page := protocol(t)
	t.Run("every schema and every key of it is on the page", func(t *testing.T) {
		t.Parallel()
		files, err := schema.Files.ReadDir(".")
		require.NoError(t, err)
		for _, f := range files {
			require.Contains(t, page, "`"+f.Name()+"`")
			raw, err := schema.Files.ReadFile(f.Name())
			require.NoError(t, err)
			var document any
			require.NoError(t, json.Unmarshal(raw, &document))
			for key := range keysOf(document) {
				require.Regexp(t, "[`\"]"+key+"[`\"]", page, f.Name())
			}
		}
	})
	t.Run("the AsyncAPI document has every subject and every schema", func(t *testing.T) {
		t.Parallel()
		raw, err := os.ReadFile(filepath.Join("schema", "asyncapi.yaml"))
		require.NoError(t, err)
		subjects := regexp.MustCompile("(?m)^\\| (?:`[a-z.]+`|\\(preview\\)) \\| `([a-z.<>]+)`").FindAllStringSubmatch(page, -1)
		require.Len(t, subjects, len(compiled(t))-1, "a row for each event, and one for both sides of a preview")
		for _, subject := range subjects {
			require.Contains(t, string(raw), "address: '"+strings.NewReplacer("<", "{", ">", "}").Replace(subject[1])+"'\n")
		}
		for name := range compiled(t) {
			require.Contains(t, string(raw), "$ref: './"+string(name)+".v1.json'\n")
		}
	})
	t.Run("the streams and the consumers are as the page says", func(t *testing.T) {
		t.Parallel()
		definition := func(name string) (d struct {
			Subjects       []string `json:"subjects"`
			FilterSubjects []string `json:"filter_subjects"`
			MaxMsgSize     int      `json:"max_msg_size"`
			MaxAckPending  int      `json:"max_ack_pending"`
			MaxDeliver     int      `json:"max_deliver"`
			AckWait        int64    `json:"ack_wait"`
		}) {
			raw, err := os.ReadFile(filepath.Join("..", "deploy", "nats", name))
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(raw, &d))
			return d
		}
		for _, stream := range []string{events.StreamIntake, events.StreamEvents} {
			d := definition("streams/" + stream + ".json")
			require.Contains(t, page, strconv.Itoa(d.MaxMsgSize)+" bytes")
			for _, subject := range d.Subjects {
				row := regexp.QuoteMeta(strings.TrimRight(subject, ".*")) + "`.*\\| `" + stream + "` \\|\n"
				require.Regexp(t, row, page)
			}
		}
		d := definition("consumers/participant.json")
		require.Contains(t, page, "`ack_wait` of "+time.Duration(d.AckWait).String()[:3]+" s")
		beat := time.Duration(d.AckWait / 3).Milliseconds()
		require.Contains(t, page, "every "+strconv.FormatInt(beat, 10)+" ms")
		require.Equal(t, -1, d.MaxDeliver, "the page says unlimited")
		require.Contains(t, page, "at most "+strconv.Itoa(d.MaxAckPending)+" messages in flight")
		require.Len(t, d.FilterSubjects, 2, "the page says requested and replayed")
		require.Equal(t, 1, definition("consumers/downstream.json").MaxAckPending, "the page says one message in flight")
	})
}

// keysOf are the keys that a schema describes.
func keysOf(document any) map[string]bool {
	found := map[string]bool{}
	switch node := document.(type) {
	case map[string]any:
		for name, child := range node {
			if properties, ok := child.(map[string]any); ok && name == "properties" {
				for key := range properties {
					found[key] = true
				}
			}
			maps.Copy(found, keysOf(child))
		}
	case []any:
		for _, child := range node {
			maps.Copy(found, keysOf(child))
		}
	}
	return found
}

// A clause is cited by its number, so each has one, and none is lost.
func TestProtocolClauses(t *testing.T) {
	t.Parallel()
	page := protocol(t)
	next := map[string]int{}
	ids := map[string]bool{}
	clauses := regexp.MustCompile(`(?m)^- \*\*P-([A-Z]{3})-([0-9]+)\*\* ((?:.+\n)+?)(?:- |\n)`)
	for rest := page; ; {
		at := clauses.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		room, number, text := rest[at[2]:at[3]], rest[at[4]:at[5]], strings.TrimSpace(rest[at[6]:at[7]])
		next[room]++
		require.Equal(t, strconv.Itoa(next[room]), number, "P-%s is not numbered without gaps", room)
		ids["P-"+room+"-"+number] = true
		require.Regexp(t, `\b(MUST|SHOULD|MAY|may)\b`, text, "P-%s-%s obliges nobody", room, number)
		require.True(t, strings.HasSuffix(text, "."), "P-%s-%s does not end", room, number)
		require.NotRegexp(t, `[a-z)]\. [A-Z]`, text[:len(text)-1], "P-%s-%s is more than one sentence", room, number)
		rest = rest[at[7]:]
	}
	require.Len(t, ids, strings.Count(page, "\n- **P-"), "a clause was not read")
	require.Greater(t, len(ids), 100)
	for _, cited := range regexp.MustCompile(`P-[A-Z]{3}-[0-9]+`).FindAllString(page, -1) {
		require.True(t, ids[cited], "%s is cited and does not exist", cited)
	}
}

// Whoever copies an example from the page sends what the code reads.
func TestProtocolExamples(t *testing.T) {
	t.Parallel()
	page := protocol(t)
	examples := blocks(page, "json")
	require.Len(t, examples, 8)
	require.Equal(t, len(examples), strings.Count(page, "```json"))
	for i, example := range examples {
		var err error
		switch body := []byte(example); {
		case strings.Contains(example, `"specversion"`):
			_, err = events.Decode(events.Message{Subject: subjectOf(body), Body: body})
		case strings.Contains(example, `"counts"`):
			_, err = events.DecodePreview(body)
		default:
			_, err = events.DecodePreviewRequest(body)
		}
		require.NoError(t, err, "example %d", i+1)
	}
}

func TestProtocolWorkedExample(t *testing.T) {
	t.Parallel()
	_, page, ok := strings.Cut(protocol(t), "\n## 17.")
	require.True(t, ok)
	v := vectors(t)["valid"]
	told, body := blocks(page, "text"), blocks(page, "json")
	require.Len(t, told, 4)
	require.Len(t, body, 3)
	require.Contains(t, page, "`"+v.Seed+"`")
	require.Equal(t, v.Body, body[0])
	require.Equal(t, v.Header[events.HeaderKey], told[0])
	require.Equal(t, v.Subject, told[2])
	require.Equal(t, v.Header[events.HeaderSignature], told[3])
	require.NoError(t, events.Verify(events.Message{Subject: told[2], Body: []byte(body[0]), Header: map[string]string{
		events.HeaderKey: told[0], events.HeaderSignature: told[3]}}, events.PublicKey(told[0])))
	raw, err := nkeys.Decode(nkeys.PrefixByteUser, []byte(told[0]))
	require.NoError(t, err)
	require.Equal(t, hex.EncodeToString(raw), told[1])
	require.True(t, bytes.HasPrefix([]byte(v.Signed), []byte("tenant-deletion/1\n"+v.Subject+"\n")))

	command, err := events.Decode(v.message())
	require.NoError(t, err)
	require.Equal(t, events.EventIDFor(job, events.TypeRequested, "", 1, 1), command.ID)
	result, err := events.Decode(events.Message{Subject: subjectOf([]byte(body[1])), Body: []byte(body[1])})
	require.NoError(t, err)
	require.Equal(t, command.ID, result.Data.(*events.Result).RequestID)
	require.Equal(t, events.EventIDFor(job, events.TypeResult, "orders", 0, 1), result.ID)
	require.Contains(t, page, "`"+events.HeaderMsgID+": "+string(result.ID)+"`")
	progress, err := events.Decode(events.Message{Subject: subjectOf([]byte(body[2])), Body: []byte(body[2])})
	require.NoError(t, err)
	require.Equal(t, result.Data.(*events.Result).Total(), progress.Data.(*events.Progress).Deleted)
}
