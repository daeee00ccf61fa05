package erasectl

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// inYAML goes through JSON, so that both have the same keys, in the same order, with the same exact numbers. Another library
// than that of the contexts writes it: goccy/go-yaml v1.19.2 writes texts that it does not read back ("? a", and keys with line
// breaks), and go.yaml.in does not tell a misspelt setting from its place in the file as well.
func inYAML(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	node, err := yamlNode(dec)
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(node)
}

// yamlNode is the next JSON value. Its tag makes the writer quote every text that would be read as anything else.
func yamlNode(dec *json.Decoder) (*yaml.Node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		kind := yaml.SequenceNode
		if token == '{' {
			kind = yaml.MappingNode
		}
		node := &yaml.Node{Kind: kind}
		for dec.More() { // keys are values of their own
			below, err := yamlNode(dec)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, below)
		}
		_, err := dec.Token()
		return node, err
	case string:
		node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: token}
		if token == "<<" { // which the writer takes for a merge whatever its tag says
			node.Style = yaml.DoubleQuotedStyle
		}
		return node, nil
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
	default: // a number as JSON wrote it, or true or false
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(token)}, nil
	}
}
