package sqlplan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// predicateTermsMax bounds a predicate; a longer one is a policy that belongs into a column.
const predicateTermsMax = 16

// comparison is one term of a predicate: a column, an operator and literals.
type comparison struct {
	column   string
	operator string // =, <>, IN, IS NULL, IS NOT NULL
	literals []literal
}

// literal is a value of a predicate; it is read strictly and written anew, never copied.
type literal struct {
	kind literalKind
	text string
}

type literalKind int

const (
	boolLiteral literalKind = iota
	numberLiteral
	textLiteral
)

var numberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$`)

// parsePredicate reads the small grammar of Rule.Where: comparisons joined by AND, nothing else.
func parsePredicate(text string) ([]comparison, error) {
	words, err := predicateWords(text)
	if err != nil {
		return nil, err
	}
	p := &predicateParser{words: words}
	var list []comparison
	for {
		c, err := p.comparison()
		if err != nil {
			return nil, err
		}
		if list = append(list, c); len(list) > predicateTermsMax {
			return nil, fmt.Errorf("more than %d comparisons", predicateTermsMax)
		}
		switch {
		case p.done():
			return list, nil
		case !p.keyword("AND"):
			return nil, fmt.Errorf("comparisons are joined by AND, nothing else")
		}
	}
}

// word is a token. A quoted one is never a keyword.
type word struct {
	text string
	kind wordKind
}

type wordKind int

const (
	bareWord   wordKind = iota // a name, a keyword
	quotedWord                 // "name"
	textWord                   // 'text'
	numberWord
	signWord // = <> ( ) ,
)

func predicateWords(text string) (words []word, err error) {
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		var w word
		if w, rest, err = cutWord(rest); err != nil {
			return nil, err
		}
		words = append(words, w)
	}
	return words, nil
}

func cutWord(text string) (word, string, error) {
	first, _ := utf8.DecodeRuneInString(text)
	switch {
	case first == '"':
		return cutQuoted(text, '"', quotedWord)
	case first == '\'':
		return cutQuoted(text, '\'', textWord)
	case strings.HasPrefix(text, "<>"):
		return word{"<>", signWord}, text[2:], nil
	case strings.ContainsRune("=(),", first):
		return word{text[:1], signWord}, text[1:], nil
	case first == '-' || unicode.IsDigit(first):
		end := endOf(text, func(r rune) bool { return r == '-' || r == '.' || namePiece(r) })
		if !numberForm.MatchString(text[:end]) {
			return word{}, "", fmt.Errorf("a number is written as 12, -3 or 0.5")
		}
		return word{text[:end], numberWord}, text[end:], nil
	case first == '_' || unicode.IsLetter(first):
		end := endOf(text, namePiece)
		return word{text[:end], bareWord}, text[end:], nil
	}
	return word{}, "", fmt.Errorf("only names, literals, =, <>, IN, IS NULL, IS NOT NULL and AND are known")
}

func namePiece(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r) }

func endOf(text string, in func(rune) bool) int {
	if at := strings.IndexFunc(text, func(r rune) bool { return !in(r) }); at >= 0 {
		return at
	}
	return len(text)
}

// cutQuoted reads up to the closing quote; a doubled one stands for itself.
func cutQuoted(text string, mark byte, kind wordKind) (word, string, error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != mark:
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == mark:
			b.WriteByte(mark)
			i++
		case !utf8.ValidString(b.String()) || strings.ContainsFunc(b.String(), unicode.IsControl):
			return word{}, "", fmt.Errorf("control characters are not allowed")
		default:
			return word{b.String(), kind}, text[i+1:], nil
		}
	}
	return word{}, "", fmt.Errorf("a quote is not closed")
}

type predicateParser struct{ words []word }

func (p *predicateParser) done() bool { return len(p.words) == 0 }

func (p *predicateParser) next() word {
	if p.done() {
		return word{}
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w
}

func (p *predicateParser) keyword(want string) bool {
	if p.done() || p.words[0].kind != bareWord || !strings.EqualFold(p.words[0].text, want) {
		return false
	}
	p.words = p.words[1:]
	return true
}

func (p *predicateParser) sign(want string) bool {
	if p.done() || p.words[0] != (word{want, signWord}) {
		return false
	}
	p.words = p.words[1:]
	return true
}

func (p *predicateParser) comparison() (comparison, error) {
	name := p.next()
	if name.text == "" || name.kind != bareWord && name.kind != quotedWord {
		return comparison{}, fmt.Errorf("a comparison begins with a column")
	}
	c := comparison{column: name.text}
	switch {
	case p.keyword("IS"):
		c.operator = "IS NULL"
		if p.keyword("NOT") {
			c.operator = "IS NOT NULL"
		}
		if !p.keyword("NULL") {
			return c, fmt.Errorf("IS is followed by NULL or NOT NULL")
		}
		return c, nil
	case p.sign("="):
		c.operator = "="
	case p.sign("<>"):
		c.operator = "<>"
	case p.keyword("IN"):
		c.operator = "IN"
		return p.list(c)
	default:
		return c, fmt.Errorf("after a column comes =, <>, IN, IS NULL or IS NOT NULL")
	}
	l, err := p.literal()
	c.literals = []literal{l}
	return c, err
}

func (p *predicateParser) list(c comparison) (comparison, error) {
	if !p.sign("(") {
		return c, fmt.Errorf("IN is followed by literals in parentheses")
	}
	for {
		l, err := p.literal()
		if err != nil {
			return c, err
		}
		c.literals = append(c.literals, l)
		if p.sign(")") {
			return c, nil
		}
		if !p.sign(",") {
			return c, fmt.Errorf("the literals of IN are separated by commas")
		}
	}
}

func (p *predicateParser) literal() (literal, error) {
	w := p.next()
	switch {
	case w.kind == textWord:
		return literal{textLiteral, w.text}, nil
	case w.kind == numberWord:
		return literal{numberLiteral, w.text}, nil
	case w.kind == bareWord && (strings.EqualFold(w.text, "true") || strings.EqualFold(w.text, "false")):
		return literal{boolLiteral, strings.ToLower(w.text)}, nil
	}
	return literal{}, fmt.Errorf("a literal is true, false, a number or a 'text'")
}

// fits says why a comparison cannot be made with the column; empty when it can. What PostgreSQL would convert or compare
// loosely is refused.
func (c *comparison) fits(col column) string {
	for _, l := range c.literals {
		switch {
		case l.kind == boolLiteral && col.Type != "bool":
			return "is not boolean"
		case l.kind == numberLiteral && !slices.Contains([]string{"int2", "int4", "int8", "numeric"}, col.Type):
			return "is not an integer or numeric"
		case l.kind == textLiteral && col.Labels != nil && !slices.Contains(col.Labels, l.text):
			return "is an enum without such a label"
		case l.kind == textLiteral && col.Labels == nil && (familyOf(col.Type) != familyText || col.Loose):
			return "is not a text that compares byte by byte"
		}
	}
	return ""
}

// sql writes the comparison for a table's alias.
func (c *comparison) sql(alias string) string {
	name := alias + "." + ident(c.column)
	literals := make([]string, len(c.literals))
	for i, l := range c.literals {
		literals[i] = l.text
		if l.kind == textLiteral {
			literals[i] = quote(l.text)
		}
	}
	switch c.operator {
	case "IN":
		return name + " IN (" + strings.Join(literals, ", ") + ")"
	case "IS NULL", "IS NOT NULL":
		return name + " " + c.operator
	}
	return name + " " + c.operator + " " + literals[0]
}
