package yamlplan

import (
	"strings"

	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// words are what sqlplan calls by the names of its rules, and what a file calls it. Ways out hold nothing of a service but
// names of tables, columns and keys: where one of those is such a word, a sentence reads a little odd; SQL is left as it is.
var words = strings.NewReplacer(
	"add a Delete or a Keep rule", "write by, via or keep for it", "add a Delete rule", "write by or via for it",
	"declare ViaPair with the table of each type", "write via with type, id and parents",
	"name it with ViaPair, or declare KeepingType", "name it in parents, or in the keep of via",
	"name those with By", "name those in by", "the others with Ignoring", "the others in ignore",
	"with By", "in by", "with Via", "in via", "named by By", "named in by", "declare Via with", "write via with",
	"declare AcceptingAction on", "write accept_actions at", "declare AcceptingTrigger", "write accept_triggers",
	"AcceptingNull", "accept_null", "KeepingNull", "keep_null", "WithoutKey", "without_key", "Ignoring", "ignore",
	"name it as a tenant column", "name it in tenant's columns", "correct Config.Schemas", "correct schemas",
)

// inWords says a finding in the words of a file.
func inWords(f sqlplan.Finding) sqlplan.Finding {
	if f.Code == sqlplan.FindingHome {
		f.WayOut = "participant --plan FILE --migrate lays them"
	}
	if !strings.HasPrefix(f.WayOut, "CREATE ") && !strings.HasPrefix(f.WayOut, "ALTER ") {
		f.WayOut = words.Replace(f.WayOut)
	}
	if text, ok := strings.CutSuffix(f.Text, " is declared"); ok { // that is not there any more
		at := strings.LastIndexByte(text, ' ') + 1
		f.Text = text[:at] + words.Replace(text[at:]) + " is declared"
	}
	return f
}
