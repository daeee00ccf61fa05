package erasectl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// inYAML goes through JSON, so that both have the same keys, in the same order, with the same exact numbers. It is written
// here because go-yaml v1.19.2 writes texts that it does not read back: "? a", and keys with line breaks.
func inYAML(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	lines, _, err := yamlLines(dec)
	return []byte(strings.Join(lines, "\n") + "\n"), err
}

// yamlLines are the lines of the next JSON value. A block stands below its key, anything else is one line behind it.
func yamlLines(dec *json.Decoder) (lines []string, block bool, err error) {
	token, err := dec.Token()
	if err != nil {
		return nil, false, err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return []string{yamlScalar(token)}, false, nil
	}
	for dec.More() {
		entry := "-"
		if open == '{' {
			key, err := dec.Token()
			if err != nil {
				return nil, false, err
			}
			entry = yamlScalar(key) + ":"
		}
		below, isBlock, err := yamlLines(dec)
		if err != nil {
			return nil, false, err
		}
		if !isBlock || open == '[' {
			entry, below = entry+" "+below[0], below[1:]
		}
		lines = append(lines, entry)
		for _, line := range below {
			lines = append(lines, "  "+line)
		}
	}
	end, err := dec.Token()
	if len(lines) == 0 {
		return []string{fmt.Sprintf("%s%s", open, end)}, false, err
	}
	return lines, true, err
}

// plainForm are texts that every reader of YAML takes as they are, but for its own words.
var (
	plainForm = regexp.MustCompile(`^[A-Za-z/]([A-Za-z0-9 _./,;()-]*[A-Za-z0-9_./)])?$`)
	yamlWords = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
)

// yamlScalar writes every other text as JSON does, which YAML reads.
func yamlScalar(token json.Token) string {
	text, ok := token.(string)
	if ok && plainForm.MatchString(text) && !slices.Contains(yamlWords, strings.ToLower(text)) {
		return text
	}
	quoted, _ := json.Marshal(token) // what JSON was read from
	return string(quoted)
}
