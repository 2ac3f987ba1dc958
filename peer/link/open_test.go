package link

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseSpec(t *testing.T) {
	s, err := parseSpec("tun:mp0,10.1.0.2/24,2001:db8::2/64,kernel=10.1.0.9,mtu=9000,offload=off")
	require.NoError(t, err)
	assert.Equal(t, &spec{kind: "tun", name: "mp0", mtu: 9000, plain: true,
		addrs:  []netip.Prefix{netip.MustParsePrefix("10.1.0.2/24"), netip.MustParsePrefix("2001:db8::2/64")},
		kernel: []netip.Addr{netip.MustParseAddr("10.1.0.9")}}, s)
	_, err = parseSpec("raw:eth0")
	require.NoError(t, err)
	for _, text := range []string{"", "tun", "tap:x,10.0.0.1/24", "tun:,10.0.0.1/24", "tun:x", "tun:x,10.0.0.1",
		"tun:a-name-that-is-too-long,10.0.0.1/24", "tun:x,10.0.0.1/24,mtu=67", "tun:x,10.0.0.1/24,mtu=x",
		"tun:x,10.0.0.1/24,via=10.0.0.2", "raw:x,kernel=10.0.0.2", "raw:x,via=y", "raw:x,offload=maybe",
		"raw:x,::ffff:10.0.0.1/120", "tun:x,10.0.0.1/24,colour=red"} {
		_, err := parseSpec(text)
		assert.ErrorContains(t, err, "want tun:NAME,ADDR/LEN", text)
	}
}

func TestKernelAddr(t *testing.T) {
	for _, c := range []struct{ ours, asked, want string }{
		{"10.0.0.2/24", "", "10.0.0.1"},
		{"10.0.0.1/24", "", "10.0.0.2"},
		{"10.0.0.1/24", "10.0.0.7", "10.0.0.7"},
		{"10.0.0.1/24", "10.0.1.7", "10.0.0.2"},
		{"10.0.0.4/31", "", "10.0.0.5"},
		{"10.0.0.5/31", "", "10.0.0.4"},
		{"10.0.0.5/32", "", "invalid IP"},
		{"2001:db8::1/64", "", "2001:db8::2"},
		{"2001:db8::1/128", "", "invalid IP"},
	} {
		s := &spec{}
		if c.asked != "" {
			s.kernel = append(s.kernel, netip.MustParseAddr(c.asked))
		}
		assert.Equal(t, c.want, s.kernelAddr(netip.MustParsePrefix(c.ours)).String(), c.ours)
	}
}
