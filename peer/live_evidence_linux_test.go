package peer

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/peer/lab"
)

// Of a live test that fails the capture, a transcript and the counters of both sides are
// kept, and its output says where. The test that fails is this one, in a process of its own.
func TestLiveEvidence(t *testing.T) {
	const onPurpose = "MPTCP_FAIL"
	if os.Getenv(onPurpose) != "" {
		v := newLive(t, liveConfig{})
		c, k := v.connect(client, 4, true)
		talk(t, c, k, 1000)
		t.Fatal("on purpose")
	}
	if testing.Short() {
		t.Skip("live tests take their time")
	}
	lab.Require(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestLiveEvidence$")
	cmd.Env = append(os.Environ(), onPurpose+"=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "it is to fail")
	require.Contains(t, string(out), "on purpose")
	found := regexp.MustCompile(`capture, transcript and counters are in (\S+)`).FindStringSubmatch(string(out))
	require.Len(t, found, 2, "%s", out)
	dir := found[1]
	defer os.RemoveAll(dir)
	transcript, err := os.ReadFile(filepath.Join(dir, "transcript.txt"))
	require.NoError(t, err)
	assert.Contains(t, string(transcript), "mp_capable v1")
	assert.Contains(t, string(transcript), "dll=1000")
	packets := 0
	for line := range strings.Lines(string(transcript)) {
		if strings.Contains(line, "dss") {
			packets++
		}
	}
	assert.NotZero(t, packets)
	var counters struct {
		Stack         Stats
		Before, After map[string]uint64 `json:"-"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "counters.json"))
	require.NoError(t, err)
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &all))
	require.NoError(t, json.Unmarshal(all["stack"], &counters.Stack))
	require.NoError(t, json.Unmarshal(all["kernel before"], &counters.Before))
	require.NoError(t, json.Unmarshal(all["kernel after"], &counters.After))
	assert.EqualValues(t, 1, counters.Stack.MPTCP.MPCapableSYNACKRX)
	assert.EqualValues(t, 1, counters.After["MPTcpExtMPCapableACKRX"]-counters.Before["MPTcpExtMPCapableACKRX"])
	assert.FileExists(t, filepath.Join(dir, "ours.pcapng"))
}
