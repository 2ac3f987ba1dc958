package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

// Requests of iputils' ping, and the answers of a Linux host.
var pings = []struct {
	name, ask, answer string
	header            int // octets of the IP header
}{
	{"IPv4", "45000021076340004001 1f65 0a090001 0a090002 0800e91608e40001 0001020304",
		"45000021670400004001 ffc3 0a090002 0a090001 0000f11608e40001 0001020304", 20},
	{"IPv6", "60093243000d3a40 fd000009000000000000000000000001 fd000009000000000000000000000002 800075b309e90001 0001020304",
		"6009cddb000d3a40 fd000009000000000000000000000002 fd000009000000000000000000000001 810074b309e90001 0001020304", 40},
}

func packetOf(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(text), []byte(" "), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 1122 section 3.2.2.6, RFC 4443 section 4.2: the answer has what was sent, at the
// other's address, with a checksum of its own; so has Linux's.
func TestEcho(t *testing.T) {
	for _, c := range pings {
		ask, want := packetOf(t, c.ask), packetOf(t, c.answer)
		var e Echo
		if err := ParseEcho(&e, ask); err != nil || e.Sum != SumGood {
			t.Fatal(c.name, err, e.Sum)
		}
		got := e.AppendReply([]byte("before"))[6:]
		if len(got) != e.Size() || !bytes.Equal(got[c.header:], want[c.header:]) {
			t.Errorf("%s: %x, want %x", c.name, got[c.header:], want[c.header:])
		}
		var ip ipInfo
		if err := parseIP(&ip, got, len(got), protoICMP, protoICMPv6); err != nil || ip.src != e.To || ip.dst != e.From || ip.end != len(got) {
			t.Errorf("%s: %+v %v", c.name, ip, err)
		}
		if err := ParseEcho(&e, got); !errors.Is(err, ErrNotICMP) {
			t.Errorf("%s: an answer is answered: %v", c.name, err)
		}
		padded := append(bytes.Clone(ask), 0, 0, 0)
		if err := ParseEcho(&e, padded); err != nil || e.Size() != len(ask) {
			t.Errorf("%s: padding of Ethernet's: %v", c.name, err)
		}
		for i := c.header; i < len(ask); i++ { // no damage goes unnoticed
			bent := bytes.Clone(ask)
			bent[i] ^= 0x10
			if err := ParseEcho(&e, bent); err == nil && e.Sum != SumBad {
				t.Errorf("%s: octet %d", c.name, i)
			}
		}
		for n := range ask {
			if err := ParseEcho(&e, ask[:n]); err == nil {
				t.Errorf("%s: %d octets of it", c.name, n)
			}
		}
	}
	fragment := packetOf(t, pings[0].ask)
	fragment[6] = 0x20
	var e Echo
	if err := ParseEcho(&e, fragment); !errors.Is(err, ErrFragment) {
		t.Error(err)
	}
}
