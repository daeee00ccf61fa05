package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	testNamed   = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w*(…)?`)
	testDefined = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w*)\(`)
)

// A page that says which test shows something names one that exists; "TestHold…" stands for all that begin so.
func TestEveryTestThatADocumentNamesExists(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..")
	var defined []string
	for _, file := range filesOf(t, root, "_test.go") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range testDefined.FindAllStringSubmatch(string(text), -1) {
			defined = append(defined, found[1])
		}
	}
	require.Greater(t, len(defined), 100)
	pages := filesOf(t, root, ".md")
	named := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, name := range testNamed.FindAllString(string(text), -1) {
			named++
			require.True(t, exists(defined, name), "%s names %s, which is no test", filepath.Base(page), name)
		}
	}
	require.Greater(t, named, 50)
}

func exists(defined []string, name string) bool {
	begin, many := strings.CutSuffix(name, "…")
	for _, d := range defined {
		if d == name || many && strings.HasPrefix(d, begin) {
			return true
		}
	}
	return false
}

// filesOf are the house's files whose names end so.
func filesOf(t *testing.T, root, ending string) (files []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "bin") {
			return filepath.SkipDir
		}
		if !entry.IsDir() && strings.HasSuffix(path, ending) {
			files = append(files, path)
		}
		return nil
	}))
	return files
}
