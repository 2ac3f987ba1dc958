package main

import (
	"io"
	"testing"

	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHostPort(t *testing.T) {
	for text, want := range map[string]string{
		"host:80": "host:80", ":80": ":80", "80": ":80", "[fd00::1]:http": "[fd00::1]:http",
	} {
		got, err := hostPort(text, "")
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, text := range []string{"", "host", "host:", "fd00::1:80:90", "[fd00::1]"} {
		_, err := hostPort(text, "")
		assert.Error(t, err, text)
	}
}

func TestLieSpecs(t *testing.T) {
	for text, want := range map[string]string{
		"hmac":                      "lie hmac dir=c2s",
		"key+hmac@3whs":             "lie key hmac dir=c2s after=3whs",
		"mapping@5000B,count=1":     "lie mapping dir=c2s after=5000B count=1",
		"dataack@on=ack,chance=0.1": "lie dataack dir=c2s on=ack chance=0.1",
	} {
		assert.Equal(t, want, lieSpec(text))
		o := options{lies: []string{text}}
		all, err := o.liars(2)
		require.NoError(t, err)
		assert.Len(t, all, 2)
		assert.NotSame(t, all[0][0], all[1][0], "each path has its own")
	}
}

func TestPathManagers(t *testing.T) {
	for _, c := range []struct {
		subflows, addrs int
		backup          bool
		want            any
	}{
		{0, 1, false, &pathmgr.Mesh{}}, {0, 2, false, &pathmgr.Mesh{}}, {4, 2, false, &pathmgr.Mesh{}}, {2, 1, false, &pathmgr.Ports{}},
		{2, 1, true, backups{}},
	} {
		h := hostOptions{subflows: c.subflows, backup: c.backup}
		assert.IsType(t, c.want, h.endpoint(c.addrs).PathManager())
	}
	h := hostOptions{subflows: 1}
	assert.Nil(t, h.endpoint(2).PathManager)
}

// manager asks for one join.
type manager struct{}

func (manager) Handle(pathmgr.Event) []pathmgr.Action { return []pathmgr.Action{{Do: pathmgr.Join}} }

func TestBackups(t *testing.T) {
	assert.True(t, backups{manager{}}.Handle(pathmgr.Event{})[0].Backup)
}

func TestVerdicts(t *testing.T) {
	assert.Equal(t, "Multipath TCP", verdict(true, true, ""))
	assert.Contains(t, verdict(false, true, ""), "was not asked for")
	assert.Contains(t, verdict(false, false, ""), "the SYN came without MP_CAPABLE")
	assert.Contains(t, verdict(false, true, "DssFallback"), "began to remove them, or merges segments")
	assert.Equal(t, "plain TCP (Other)", verdict(false, true, "Other"))
}

// A path is made a backup by a word of --path, which the link does not see, and both sides
// know which subflow it is.
func TestBackupPaths(t *testing.T) {
	for path, want := range map[string]string{
		"raw:eth0,backup": "raw:eth0", "tun:t0,backup,10.0.0.2/24,mtu=1400": "tun:t0,10.0.0.2/24,mtu=1400", "raw:backup": "raw:backup",
	} {
		spec, backup := backupPath(path)
		assert.Equal(t, want, spec)
		assert.Equal(t, want != path, backup)
	}
	for _, c := range []struct {
		args   []string
		second bool // it is the second subflow
	}{
		{[]string{"--path", "a1", "--path", "a2,backup"}, true}, {[]string{"--path", "a1,backup", "--path", "a2"}, false},
	} {
		links := cable(2)
		server := runOver(t, links, nil, "listen", ":7", "--echo", "--once", "--json", "--path", "b1", "--path", "b2")
		server.says(`"listening"`)
		typed, keys := io.Pipe()
		client := runOver(t, links, typed, append([]string{"connect", "10.1.1.2:7", "--json", "--subflows", "2"}, c.args...)...)
		_, err := keys.Write([]byte("hello")) // the peer joins nothing before it has data
		require.NoError(t, err)
		client.says(`"subflows_up":2`)
		server.says(`"subflows_up":2`)
		require.NoError(t, keys.Close())
		client.ends(exitClean)
		server.ends(exitClean)
		for _, r := range []*inner{client, server} {
			var flows []any
			for _, m := range lines(t, r.errors.String()) {
				if m["type"] == "summary" {
					flows = m["subflows"].([]any)
				}
			}
			require.Len(t, flows, 2, r.errors.String())
			assert.Equal(t, c.second, flows[1].(map[string]any)["backup"], "the second")
			assert.Equal(t, !c.second, flows[0].(map[string]any)["backup"], "the first")
		}
	}
}
