package fuzz

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/pcap/trace"
)

const findingsFile = "../docs/findings.md"

// TestFindingsDoc keeps docs/findings.md in step with the catalogue; -update writes it.
func TestFindingsDoc(t *testing.T) {
	want := findingsDoc(trace.Catalogue())
	if *update {
		require.NoError(t, os.WriteFile(findingsFile, want, 0o644))
		return
	}
	got, err := os.ReadFile(findingsFile)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "run: go test ./fuzz -run TestFindingsDoc -update")
}

// blank is a verb of package fmt, which a finding fills in.
var blank = regexp.MustCompile(`%[-+# 0-9.]*[a-z]`)

func findingsDoc(all []trace.Finding) []byte {
	var out bytes.Buffer
	out.WriteString(`# Findings

Everything mpdecode can find. Ids are stable: scripts may match on them. The counter is the
Linux MIB counter (` + "`nstat -az`" + `) that counts the same, where there is one. What depends on the
capture stands as "...".

Errors break the protocol or damage data; warnings cost a connection paths, or MPTCP itself;
infos explain.

`)
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b trace.Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.ID, b.ID))
	})
	for _, f := range all {
		fmt.Fprintf(&out, "## %s\n\n%s", f.ID, f.Severity)
		if f.RFC != "" {
			fmt.Fprintf(&out, "; %s", f.RFC)
		}
		if counter := blank.ReplaceAllString(f.Counter, ""); counter != "" {
			fmt.Fprintf(&out, "; counter %s", counter)
		}
		fmt.Fprintf(&out, "\n\n%s\n\nWhat to do: %s.\n\n", sentence(f.Cause), blank.ReplaceAllString(f.Advice, "..."))
	}
	return append(bytes.TrimRight(out.Bytes(), "\n"), '\n')
}

func sentence(s string) string {
	s = blank.ReplaceAllString(s, "...")
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// TestCatalogueIsComplete: ids are unique and have their form, words are there.
func TestCatalogueIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range trace.Catalogue() {
		assert.Regexp(t, `^MPD(-[A-Z0-9]+)+$`, f.ID)
		assert.False(t, seen[f.ID], "%s stands twice", f.ID)
		seen[f.ID] = true
		assert.NotEmpty(t, f.Cause, f.ID)
		assert.NotEmpty(t, f.Advice, f.ID)
		assert.False(t, strings.HasSuffix(f.Cause, ".") || strings.HasSuffix(f.Advice, "."), "%s: the printer adds the full stop", f.ID)
		if f.Severity != trace.Info {
			assert.NotEmpty(t, f.RFC, f.ID)
		}
	}
}
