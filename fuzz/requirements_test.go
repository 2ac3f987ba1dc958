package fuzz

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite generated files")

const (
	requirementsFile = "../testdata/requirements.tsv"
	openFile         = "../testdata/requirements-open.tsv"
)

// requirement is a row of testdata/requirements.tsv.
type requirement struct {
	id, text string
	methods  []string // where it is to be tested: wire, trace, fsm, live; doc is read, not run
}

// idPattern finds the id of a requirement in a comment, a name or a string.
var idPattern = regexp.MustCompile(`\b(?:R(?:[0-9]+(?:\.[0-9]+)*|[A-D])|T[0-9]{4}|V0)-[0-9]{2}\b`)

// readTSV returns the rows of a file below its header, each with the header's columns.
func readTSV(t *testing.T, name string, header ...string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		row := strings.Split(line, "\t")
		if i == 0 {
			require.Equal(t, header, row, name)
			continue
		}
		require.Len(t, row, len(header), "%s, line %d", name, i+1)
		rows = append(rows, row)
	}
	return rows
}

func readRequirements(t *testing.T) (all []requirement) {
	t.Helper()
	for _, row := range readTSV(t, requirementsFile, "id", "source", "section", "level", "actor", "requirement", "methods") {
		all = append(all, requirement{row[0], row[5], strings.Split(row[6], ",")})
	}
	return all
}

// naming returns the tests that name each requirement.
func naming(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	fset := token.NewFileSet()
	walk(t, func(name string, _ fs.DirEntry) {
		if !strings.HasSuffix(name, "_test.go") || name == "fuzz/requirements_test.go" {
			return
		}
		source, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		for test, ids := range namedIn(t, fset, name, source) {
			for _, id := range ids {
				tests[id] = append(tests[id], test)
			}
		}
	})
	for _, list := range tests {
		slices.Sort(list)
	}
	return tests
}

var testName = regexp.MustCompile(`^(Test|Fuzz|Benchmark|Example)`)

// namedIn returns the ids that each test of a file names, by file and name of the
// test: in its own comment, its name or its body. What tables and helpers name counts
// for the file, if it has a test at all.
func namedIn(t *testing.T, fset *token.FileSet, name string, source []byte) map[string][]string {
	t.Helper()
	file, err := parser.ParseFile(fset, name, source, parser.ParseComments)
	require.NoError(t, err)
	found, shared := map[string][]string{}, []string{}
	tests := false
	for _, decl := range file.Decls {
		from := decl.Pos()
		f, ok := decl.(*ast.FuncDecl)
		if ok && f.Doc != nil {
			from = f.Doc.Pos()
		}
		end := fset.Position(decl.End()).Offset
		// A comment behind the brace is the declaration's as well.
		for _, group := range file.Comments {
			if at := fset.Position(group.Pos()); at.Line == fset.Position(decl.End()).Line {
				end = max(end, fset.Position(group.End()).Offset)
			}
		}
		ids := idPattern.FindAllString(string(source[fset.Position(from).Offset:end]), -1)
		if ok && testName.MatchString(f.Name.Name) {
			tests = true
			slices.Sort(ids)
			found[name+" "+f.Name.Name] = slices.Compact(ids)
		} else {
			shared = append(shared, ids...)
		}
	}
	if slices.Sort(shared); tests && len(shared) > 0 {
		found[name] = slices.Compact(shared)
	}
	return found
}

// TestRequirements fails where a requirement that this part of the project must meet is
// named by no test, unless testdata/requirements-open.tsv says why; where that file
// excuses what a test does name; and where a test names what is no requirement.
func TestRequirements(t *testing.T) {
	all, tests := readRequirements(t), naming(t)
	known := map[string]bool{}
	for _, r := range all {
		assert.Regexp(t, "^"+idPattern.String()+"$", r.id)
		assert.False(t, known[r.id], "%s stands twice", r.id)
		known[r.id] = true
	}
	for id, list := range tests {
		assert.True(t, known[id], "%v: no requirement %s", list, id)
	}

	reasons := map[string]string{}
	for _, row := range readTSV(t, openFile, "id", "reason") {
		assert.True(t, known[row[0]], "%s excuses %s, which is no requirement", openFile, row[0])
		assert.NotContains(t, reasons, row[0], "excused twice")
		assert.NotEmpty(t, row[1], "%s is excused without a reason", row[0])
		reasons[row[0]] = row[1]
	}
	if *update {
		var out bytes.Buffer
		out.WriteString("id\treason\n")
		for _, r := range all {
			if len(tests[r.id]) > 0 {
				continue
			}
			reason := reasons[r.id]
			if reason == "" {
				reason = unwritten(r)
			}
			fmt.Fprintf(&out, "%s\t%s\n", r.id, reason)
		}
		require.NoError(t, os.WriteFile(openFile, out.Bytes(), 0o644))
		return
	}
	for _, r := range all {
		_, excused := reasons[r.id]
		switch named := tests[r.id]; {
		case len(named) > 0 && excused:
			t.Errorf("%s is named by %v: take it out of %s (-update does)", r.id, named, openFile)
		case len(named) == 0 && !excused:
			t.Errorf("%s is named by no test: %s", r.id, r.text)
		case len(named) > 0 && testing.Verbose():
			t.Logf("%s: %s", r.id, strings.Join(named, ", "))
		}
	}
}

// unwritten is why a requirement is open that nobody gave a reason for.
func unwritten(r requirement) string {
	if slices.Contains(r.methods, "doc") && len(r.methods) == 1 {
		return "read in review: there is nothing to run"
	}
	return "" // nothing else is open without a reason of its own
}

// TestNamedIn makes sure that ids are found where a reader would look for them.
func TestNamedIn(t *testing.T) {
	source := `package x
// R3.1-01 stands above no test.
var table = []string{"R3.1-02"}
// TestOne is about R3.1-03 (T9293-04).
func TestOne(t *testing.T) { check("V0-05") /* RA-06, R3.1-03 */ }
func helper() { check("R3.1-07") }
`
	assert.Equal(t, map[string][]string{
		"x_test.go TestOne": {"R3.1-03", "RA-06", "T9293-04", "V0-05"},
		"x_test.go":         {"R3.1-02", "R3.1-07"},
	}, namedIn(t, token.NewFileSet(), "x_test.go", []byte(source)))
	assert.Empty(t, namedIn(t, token.NewFileSet(), "x_test.go", []byte("package x\nvar table = []string{\"R3.1-02\"}")))
}
