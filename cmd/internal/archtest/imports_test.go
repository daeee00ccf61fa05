package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// house is the module's path.
const house = "github.com/bakery-ia/tenant-deletion"

// listed is what go list says about a package.
type listed struct {
	ImportPath   string
	Dir          string
	Name         string
	Standard     bool
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

func (p listed) room() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, house), "/")
}

func TestImports(t *testing.T) {
	t.Parallel()
	var wrong []string
	for _, p := range packages(t) {
		wrong = append(wrong, judge(p)...)
	}
	empty(t, wrong)
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	byRoom := map[string]listed{}
	for _, p := range packages(t) {
		byRoom[p.room()] = p
	}
	var wrong []string
	for _, law := range unreachable {
		p, ok := byRoom[law.room]
		require.True(t, ok, "the law names the room %s, which is not there", law.room)
		for _, dep := range p.Deps {
			if slices.ContainsFunc(law.what, func(what string) bool { return dep == what || !standard(what) && under(dep, what) }) {
				wrong = append(wrong, fmt.Sprintf("%s brings along %s: %s", law.room, dep, law.why))
			}
		}
	}
	empty(t, wrong)
}

// empty fails with every broken law at once.
func empty(t *testing.T, wrong []string) {
	t.Helper()
	require.Empty(t, wrong, strings.Join(wrong, "\n"))
}

func TestJudge(t *testing.T) {
	t.Parallel()

	for claim, p := range map[string]listed{
		"the wings do not import each other":            importing("saga/runner", house+"/participants"),
		"the core has no broker":                        importing("saga", "github.com/nats-io/nats.go"),
		"testify stays in tests":                        importing("cmd/internal/app", "github.com/stretchr/testify/require"),
		"nobody looks up to the roof":                   importing("saga/httpapi", house+"/cmd/internal/app"),
		"testing belongs to the rooms made for tests":   importing("saga/pgstore", "testing"),
		"a room that is not in the plan is not allowed": importing("attic"),
		"the wings do not import each other in tests": {
			ImportPath: house + "/participants", XTestImports: []string{house + "/saga/sagatest"}},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, judge(p))
		})
	}
	t.Run("what the plan allows passes", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, judge(listed{ImportPath: house + "/saga/runner", Imports: []string{"context", house + "/saga"},
			XTestImports: []string{house + "/saga/pgstore", "github.com/stretchr/testify/require", "testing"}}))
	})
}

func importing(room string, paths ...string) listed {
	return listed{ImportPath: house + "/" + room, Imports: paths}
}

// judge lists the arrows of a package that the plan does not have.
func judge(p listed) (wrong []string) {
	r, ok := find(p.room())
	if !ok {
		return []string{p.room() + " is not in the plan: give it a line in plan_test.go, with the reason for what it may not"}
	}
	for _, path := range p.Imports {
		if !r.allows(p.room(), path) {
			wrong = append(wrong, fmt.Sprintf("%s may not import %s: %s", p.room(), path, r.why))
		}
	}
	for _, path := range append(p.TestImports, p.XTestImports...) {
		if wing := wingOf(p.room()); wing != "" && wingOf(strings.TrimPrefix(path, house+"/")) == otherWing[wing] {
			wrong = append(wrong, fmt.Sprintf("tests of %s may not import %s: the wings share words, never code", p.room(), path))
		}
	}
	return wrong
}

var otherWing = map[string]string{"saga": "participants", "participants": "saga"}

func wingOf(room string) string {
	top, _, _ := strings.Cut(room, "/")
	if _, ok := otherWing[top]; ok {
		return top
	}
	return ""
}

// find is the room's own line, or the roof's for everything under it.
func find(path string) (room, bool) {
	if under(path, "cmd") {
		path = "cmd"
	}
	at := slices.IndexFunc(plan, func(r room) bool { return r.path == path })
	if at < 0 {
		return room{}, false
	}
	return plan[at], true
}

func (r room) allows(from, path string) bool {
	if path == "testing" {
		return strings.HasSuffix(from, "test") || strings.HasSuffix(from, "/e2e")
	}
	if under(path, "github.com/stretchr/testify") {
		return false
	}
	if under(path, house) {
		other := strings.TrimPrefix(path, house+"/")
		return slices.Contains(r.house, other) || slices.Contains(r.house, "*")
	}
	return standard(path) || slices.ContainsFunc(r.third, func(module string) bool { return module == "*" || under(path, module) })
}

// standard reports a package of the standard library: only others have a host as their first element.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func under(path, prefix string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") }

// packages is the house as go list sees it.
func packages(t *testing.T) []listed {
	t.Helper()
	all, err := list()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

var list = sync.OnceValues(func() (all []listed, err error) {
	fields := "ImportPath,Dir,Name,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports,Deps"
	cmd := exec.Command("go", "list", "-json="+fields, house+"/...")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return nil, err
	}
	for stream := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := stream.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
})
