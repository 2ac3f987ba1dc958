package main

import (
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
	assert.Contains(t, verdict(false, true, "DssFallback"), "began to remove them (DssFallback)")
	assert.Equal(t, "plain TCP (Other)", verdict(false, true, "Other"))
}
