package fuzz

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/paper.md names only tests that there are, and, where the list of the paper's
// claims is at hand, every claim.
func TestPaperIsCovered(t *testing.T) {
	b, err := os.ReadFile("../docs/paper.md")
	require.NoError(t, err)
	text := string(b)
	funcs := map[string]bool{}
	decl := regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w+)\(`)
	require.NoError(t, filepath.WalkDir("..", func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		src, err := os.ReadFile(name)
		for _, m := range decl.FindAllStringSubmatch(string(src), -1) {
			funcs[m[1]] = true
		}
		return err
	}))
	named := regexp.MustCompile("`((?:Test|Benchmark)\\w+)`").FindAllStringSubmatch(text, -1)
	require.Greater(t, len(named), 40)
	for _, m := range named {
		if !funcs[m[1]] {
			t.Errorf("docs/paper.md names %s, which does not exist", m[1])
		}
	}

	const list = "../../shared/spec/paper.tsv"
	rows, err := os.ReadFile(list)
	if err != nil {
		if os.Getenv("MPTCP_REQUIRE_SHARED") == "1" {
			t.Fatal(err)
		}
		t.Skip("the list of claims is not here: ", list)
	}
	expanded := expandIDs(text)
	for _, row := range strings.Split(strings.TrimSpace(string(rows)), "\n")[1:] {
		if id, _, _ := strings.Cut(row, "\t"); !expanded[id] {
			t.Errorf("docs/paper.md says nothing of %s", id)
		}
	}
}

// expandIDs finds ids such as P-3.3-01, and those that "P-3.3.1-01, -02" and "P-3.3-01
// to -04" stand for.
func expandIDs(text string) map[string]bool {
	ids := map[string]bool{}
	one := regexp.MustCompile(`\b(?:P-[0-9.]+-M?[0-9]+|F-[0-9]+[a-c]?)((?:(?:,| to) -[0-9]+)*)`)
	for _, m := range one.FindAllStringSubmatch(text, -1) {
		id := strings.TrimSuffix(m[0], m[1])
		ids[id] = true
		stem, last := id[:strings.LastIndex(id, "-")+1], id[strings.LastIndex(id, "-")+1:]
		for _, part := range regexp.MustCompile(`(,| to) -([0-9]+)`).FindAllStringSubmatch(m[1], -1) {
			if part[1] == " to" {
				for k := 0; k < 100; k++ {
					if two := string([]byte{byte('0' + k/10), byte('0' + k%10)}); two > last && two < part[2] {
						ids[stem+two] = true
					}
				}
			}
			ids[stem+part[2]] = true
			last = part[2]
		}
	}
	return ids
}
