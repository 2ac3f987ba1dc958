package fuzz

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// counter is a row of docs/statistics.md, or a field of a Stats in the code.
type counter struct{ name, linux, what string }

// pageCounters are the rows of the page, by the title of the section up to its colon.
func pageCounters(t *testing.T) map[string][]counter {
	text, err := os.ReadFile("../docs/statistics.md")
	require.NoError(t, err)
	out := map[string][]counter{}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section, _, _ = strings.Cut(title, ":")
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.Contains(line, "---") || strings.TrimSpace(cells[0]) == "counter" {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		cells = append(cells, "")
		out[section] = append(out[section], counter{cells[0], cells[1], cells[2]})
	}
	return out
}

// codeCounters are the fields of the Stats in a file, with their comments.
func codeCounters(t *testing.T, file string) (out []counter) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	require.NoError(t, err)
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Stats" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			if kind, ok := field.Type.(*ast.Ident); !ok || kind.Name != "uint64" {
				continue // what is no counter
			}
			for _, name := range field.Names {
				out = append(out, counter{name: name.Name, what: strings.TrimSpace(field.Comment.Text())})
			}
		}
		return false
	})
	return out
}

// The page of counters has each one, in the code's order and words, and no other. A name
// that it says to be Linux's is in Linux's list; one that Linux has is not said to be ours;
// and of MPTcpExt all are here, or it is said why not.
func TestStatistics(t *testing.T) {
	mib, err := os.ReadFile("../testdata/linux-mib.txt")
	require.NoError(t, err)
	linux := strings.Fields(string(mib))
	require.Greater(t, len(linux), 200)
	page := pageCounters(t)
	claimed := map[string]bool{}
	for section, file := range map[string]string{
		"fsm.Stats": "../fsm/stats.go", "tcp.Stats": "../fsm/tcp/stats.go",
		"peer.Stats": "../peer/stats.go", "link.Stats": "../peer/link/stats.go",
	} {
		rows := page[section]
		var plain []counter
		for _, c := range rows {
			plain = append(plain, counter{name: c.name, what: c.what})
			if c.linux == "ours" {
				prefix := "TcpExtTCP"
				if section == "fsm.Stats" {
					prefix = "MPTcpExt"
				}
				assert.NotContains(t, linux, prefix+c.name)
				continue
			}
			assert.Contains(t, linux, c.linux, c.name)
			claimed[c.linux] = true
		}
		assert.Equal(t, codeCounters(t, file), plain, section)
	}
	for _, c := range page["Linux's, not ours"] {
		for name := range strings.SplitSeq(c.name, ", ") {
			assert.True(t, slices.Contains(linux, name) && !claimed[name], name)
			claimed[name] = true
		}
	}
	for _, name := range linux {
		if strings.HasPrefix(name, "MPTcpExt") {
			assert.True(t, claimed[name], "%s is neither counted nor refused", name)
		}
	}
}
