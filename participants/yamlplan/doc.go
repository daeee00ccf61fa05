// Package yamlplan is a deletion plan as a file: a service without code, whose tables somebody else's schema has.
//
// # Usage
//
//	file, err := yamlplan.Parse("plan.yaml", text)
//	plan, err := file.Plan(db, sqlplan.Config{})
//
// The file says what sqlplan's rules say, in the same words: by, via, keep, where. erasectl plan generate writes it from a
// database's catalogue, a person decides what cannot be derived, and cmd/participant runs it.
//
// # Guarantees
//
// Parse knows every key or refuses the file: with line, column, the line itself, and the way out, all mistakes at once. What
// Marshal writes, Parse reads as the same. A table that nobody has decided is refused by name before anything runs. Update
// changes nothing that a person has written, comments included.
//
// # Not guaranteed
//
// A file that can be parsed need not fit the database: that is the plan's Check. Update moves comments from inside a table's
// lines to above them.
//
// # Shutdown
//
// Nothing runs: there is nothing to end.
//
// # Testing
//
// The round trip is a property that is tested with generated files; plan.v1.json, the JSON Schema for editors, is held
// against the parser.
package yamlplan
