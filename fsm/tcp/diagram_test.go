package tcp

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite generated files")

const diagramFile = "../../docs/states-tcp.md"

// checkDiagram compares docs/states-tcp.md with the transitions that were seen: for
// each state and input the state that followed.
func checkDiagram(t *testing.T, inputs []string, seen [][]State) {
	t.Helper()
	var b strings.Builder
	b.WriteString("# The states of a TCP flow\n\n" +
		"Written by `go test ./fsm/tcp -run TestEveryStateAndInput -update`: each arrow and each\n" +
		"cell is what the code did when the test brought a flow into the state and gave it the\n" +
		"input. LISTEN is missing since a listener has no flow; SYN-RECEIVED of a passive open\n" +
		"begins with it. What every state answers alike (a RST, an abort, an hour of silence) is\n" +
		"in the table only.\n\n```mermaid\nstateDiagram-v2\n    direction TB\n")
	id := func(s State) string { return strings.ReplaceAll(s.String(), "-", "_") }
	fmt.Fprintf(&b, "    [*] --> %s : open\n    [*] --> %s : SYN to a listener\n", id(SynSent), id(SynReceived))
	everywhere := []string{"RST at RCV.NXT", "abort", "an hour", "all flags", "unreachable", "bad options", "SYN elsewhere", "data"}
	for from := range seen {
		var to []State
		labels := map[State][]string{}
		for i, s := range seen[from] {
			if s == State(from) || slices.Contains(everywhere, inputs[i]) {
				continue
			}
			if labels[s] == nil {
				to = append(to, s)
			}
			labels[s] = append(labels[s], inputs[i])
		}
		for _, s := range to {
			fmt.Fprintf(&b, "    %s --> %s : %s\n", id(State(from)), id(s), strings.Join(labels[s], " or "))
		}
	}
	fmt.Fprintf(&b, "    %s --> [*] : 2 MSL\n```\n\n", id(TimeWait))
	b.WriteString("A dot: the state stays.\n\n| input |")
	for s := range seen {
		fmt.Fprintf(&b, " %v |", State(s))
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(seen)) + "\n")
	for i, in := range inputs {
		fmt.Fprintf(&b, "| %s |", in)
		for s := range seen {
			if to := seen[s][i]; to == State(s) {
				b.WriteString(" . |")
			} else {
				fmt.Fprintf(&b, " %v |", to)
			}
		}
		b.WriteString("\n")
	}
	if *update {
		require.NoError(t, os.WriteFile(diagramFile, []byte(b.String()), 0o644))
	}
	have, err := os.ReadFile(diagramFile)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(have), "%s is not what the code does; -update rewrites it", diagramFile)
}
