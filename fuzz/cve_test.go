package fuzz

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCVEs fails where a bug that another implementation had is named by no test, unless
// testdata/cve-open.tsv says why it cannot be one of this project's; and where it says so
// of what a test does name.
func TestCVEs(t *testing.T) {
	named := map[string]bool{}
	id := regexp.MustCompile(`CVE-[0-9]{4}-[0-9]+`)
	walk(t, func(name string, _ fs.DirEntry) {
		if strings.HasSuffix(name, "_test.go") {
			source, err := os.ReadFile(filepath.Join("..", name))
			require.NoError(t, err)
			for _, m := range id.FindAllString(string(source), -1) {
				named[m] = true
			}
		}
	})
	reasons := map[string]bool{}
	for _, row := range readTSV(t, "../testdata/cve-open.tsv", "cve", "reason") {
		assert.NotEmpty(t, row[1], row[0])
		assert.False(t, reasons[row[0]], "%s stands twice", row[0])
		assert.False(t, named[row[0]], "%s is excused, and named by a test", row[0])
		reasons[row[0]] = true
	}
	const list = "../../shared/spec/cve_regressions.tsv"
	if _, err := os.Stat(list); err != nil {
		if os.Getenv("MPTCP_REQUIRE_SHARED") == "1" {
			t.Fatal(err)
		}
		t.Skip("the list of CVEs is not here: ", list)
	}
	for _, row := range readTSV(t, list, "cve", "title", "root_cause", "class", "regression_idea") {
		assert.True(t, named[row[0]] || reasons[row[0]], "no test names %s (%s)", row[0], row[1])
	}
}
