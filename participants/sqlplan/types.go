package sqlplan

import (
	"cmp"
	"slices"
)

// family is a set of types whose values are equal exactly when their canonical texts are.
type family string

const (
	familyText   family = "text"
	familyUUID   family = "uuid"
	familyNumber family = "number"
)

// familyOf is a type's family; a type outside of them is a family of its own and no tenant column may have it.
func familyOf(typ string) family {
	switch typ {
	case "text", "varchar":
		return familyText
	case "uuid":
		return familyUUID
	case "int2", "int4", "int8", "numeric":
		return familyNumber
	}
	return family(typ)
}

// identifies reports whether values of a column can be told apart by their canonical texts.
func (c *column) identifies() bool {
	return !c.Loose && slices.Contains([]family{familyText, familyUUID, familyNumber}, familyOf(c.Type))
}

// parameter is the type that a tenant id is given for a comparison with the column: the widest whose comparison an index of
// the column serves, so that an id which is too large for the column is nobody's there instead of an error.
func (c *column) parameter() string {
	switch {
	case c.Type == "numeric":
		return "numeric"
	case familyOf(c.Type) == familyNumber:
		return "int8"
	case c.Type == "uuid":
		return "uuid"
	}
	return "text"
}

// equates reports whether two columns compare as their texts do.
func (c *column) equates(other column) bool {
	return familyOf(c.Type) == familyOf(other.Type) && !c.Loose && !other.Loose
}

// words are what SQL calls the types that the catalogue names in short.
var words = map[string]string{"int2": "smallint", "int4": "integer", "int8": "bigint", "bool": "boolean", "bpchar": "character",
	"float4": "real", "float8": "double precision"}

func typeWord(typ string) string { return cmp.Or(words[typ], typ) }
