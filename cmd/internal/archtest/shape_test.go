package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The limits of style.md. Tests may be long stories, so only their files are measured.
const (
	fileLinesMax     = 500
	functionLinesMax = 70
	mainLinesMax     = 30
)

// Names that say nothing about what is inside, of rooms and of files. A file may hold the event types, a room may not.
var (
	namelessRoom = regexp.MustCompile(`^(util|utils|common|helper|helpers|misc|shared|base|manager|models|types|pkg)$`)
	namelessFile = regexp.MustCompile(`^(util|utils|common|helper|helpers|misc|shared|base|manager)(_test)?\.go$`)
)

// source is one parsed file.
type source struct {
	pkg  listed
	path string // from the module's root
	test bool
	set  *token.FileSet
	file *ast.File
}

func (s source) lines(n ast.Node) int {
	return s.set.Position(n.End()).Line - s.set.Position(n.Pos()).Line + 1
}

func TestFiles(t *testing.T) {
	t.Parallel()

	var wrong []string
	for _, s := range sources(t) {
		lines, linesMax := s.set.File(s.file.Pos()).LineCount(), fileLinesMax
		if s.pkg.Name == "main" && filepath.Base(s.path) == "main.go" {
			linesMax = mainLinesMax
		}
		if lines > linesMax {
			wrong = append(wrong, fmt.Sprintf("%s has %d lines, more than %d", s.path, lines, linesMax))
		}
		for _, part := range strings.Split(s.path, "/") {
			if namelessRoom.MatchString(part) || namelessFile.MatchString(part) {
				wrong = append(wrong, fmt.Sprintf("%s: the name %s says nothing", s.path, part))
			}
		}
	}
	empty(t, wrong)
}

func TestFunctions(t *testing.T) {
	t.Parallel()

	var wrong []string
	for _, s := range sources(t) {
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && !s.test && s.lines(f) > functionLinesMax {
				wrong = append(wrong, fmt.Sprintf("%s: %s has %d lines, more than %d", s.path, f.Name.Name, s.lines(f), functionLinesMax))
			}
		}
	}
	empty(t, wrong)
}

func TestPackagesAreDocumented(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, s := range sources(t) {
		documented[s.pkg.ImportPath] = documented[s.pkg.ImportPath] || s.file.Doc.Text() != ""
	}
	var wrong []string
	for path, ok := range documented {
		if !ok {
			wrong = append(wrong, path+" says nowhere what it is")
		}
	}
	empty(t, wrong)
}

// TestCoreIsPure reads what imports cannot say: package time is needed for its types, its clock is not.
func TestCoreIsPure(t *testing.T) {
	t.Parallel()
	effects := []string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.NewTimer", "os.Getenv",
		"fmt.Println", "fmt.Printf", "uuid.New", "uuid.NewV7", "events.NewJobID"}
	for _, s := range sources(t) {
		if s.pkg.room() != "saga" || s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := call.X.(*ast.Ident); ok {
					name := pkg.Name + "." + call.Sel.Name
					require.NotContains(t, effects, name, "%s: time, ids and randomness come into the core as arguments", s.path)
				}
			}
			return true
		})
	}
}

// sources parses every Go file of the house.
func sources(t *testing.T) (all []source) {
	t.Helper()
	for _, p := range packages(t) {
		root := strings.TrimSuffix(p.Dir, filepath.FromSlash(strings.TrimPrefix(p.ImportPath, house)))
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			full := filepath.Join(p.Dir, name)
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, full, nil, parser.ParseComments)
			require.NoError(t, err)
			path, err := filepath.Rel(root, full)
			require.NoError(t, err)
			test := strings.HasSuffix(name, "_test.go")
			all = append(all, source{pkg: p, path: filepath.ToSlash(path), test: test, set: set, file: file})
		}
	}
	return all
}
