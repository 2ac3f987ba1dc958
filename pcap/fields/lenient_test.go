package fields_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/fields"
	"github.com/mptcp-go/mptcp/wire"
)

// lenient are option blocks, how many octets of each were captured (0: all), and what is
// shown of tcp.option_kind and of all fields of options and mptcp, by short names.
var lenient = []struct {
	name, block string
	captured    int
	want        string
}{
	// Option lists.
	{"a NOP, an EOL and padding", "0100 0000", 0, "kind=1,0,0,0"},
	{"something behind EOL", "0000 0108 1e03 2000", 0, "kind=0,0"},
	{"no room for a length", "0101 011e", 0, "kind=1,1,1"},
	{"a length of 0", "1e00 2001", 0, ""},
	{"a length of 1", "011e 0120", 0, "kind=1"},
	{"a length behind the block", "1e05 2001", 0, ""},
	{"cut behind a kind", "0101 1e04 2000 0101", 3, "kind=1,1"},
	{"cut inside an option", "0101 1e04 2000 0101", 4, "kind=1,1,30 len=4"},
	{"wrong lengths of known options", "0203 0503 0407 0708 0600 0000 0100 0000", 0, "kind=2,3,8,0,0,0 len=3,4,6"},
	{"MSS, scale, permission", "0204 05b4 0303 0f04 0200 0000", 0, "kind=2,3,4,0,0,0 len=4,3,2 mss_val=1460 wscale.shift=15 wscale.multiplier=16384 sack_perm=tcp.options.sack_perm"},
	{"timestamps, cut", "0101 080a 0000 0001 0000 0002", 8, "kind=1,1,8 len=10 timestamp.tsval=1"},
	{"one SACK block", "0101 050a 0000 07d1 0000 07d3", 0, "kind=1,1,5 len=10 sack_le=2 sack_re=4 sack.count=1"},
	{"half of a second SACK block", "050e 0000 07d1 0000 07d3 0000 07d5 0101", 0, "kind=5,1,1 len=14 sack_le=2,6 sack_re=4 sack.count=1"},
	{"no SACK block", "0502 1e04 2000 0000", 0, "kind=5 len=2 sack.count=0"},
	{"fast open, asked for", "2202 0101", 0, "kind=34,1,1 len=2 tfo.request=tcp.options.tfo.request"},
	{"fast open, cookie", "2206 0102 0304 0101", 0, "kind=34,1,1 len=6 tfo.cookie=01020304"},

	// MP_CAPABLE.
	{"no subtype", "1e02 0101", 0, "kind=30 len=2"},
	{"capable, 3 octets", "1e03 0101", 0, "kind=30 len=3 subtype=0 version=1"},
	{"capable, SYN", "1e04 01e1", 0, "kind=30 len=4 subtype=0 version=1 flags=0xe1 checksumreq.flags=1 extensibility.flag=1 nomoresubflows.flag=1 sha256.flag=1 reserved.flag=0x00"},
	{"capable, version 0", "1e0c 00bf 0000 0000 0000 0001", 0, "kind=30 len=12 subtype=0 version=0 flags=0xbf checksumreq.flags=1 extensibility.flag=0 sha1.flag=1 reserved.flag=0x1f sendkey=1 expected_token=3410441848 expected_idsn=4103078400719770237"},
	{"capable, version 2", "1e0c 0201 0000 0000 0000 0001", 0, "kind=30 len=12 subtype=0 version=2 flags=0x01 checksumreq.flags=0 extensibility.flag=0 sha1.flag=1 reserved.flag=0x00 sendkey=1 expected_token=0 expected_idsn=0"},
	{"capable, a length between", "1e0e 0101 0000 0000 0000 0001 0000 0000", 0, "kind=30,0,0 len=14 subtype=0 version=1 flags=0x01 checksumreq.flags=0 extensibility.flag=0 nomoresubflows.flag=0 sha256.flag=1 reserved.flag=0x00"},
	{"capable, both keys, cut in the second", "1e14 0101 0000 0000 0000 0001 0000 0000 0000 0002", 19, "kind=30 len=20 subtype=0 version=1 flags=0x01 checksumreq.flags=0 extensibility.flag=0 nomoresubflows.flag=0 sha256.flag=1 reserved.flag=0x00 sendkey=1 expected_token=3441844757 expected_idsn=1867956527068875344"},
	{"capable, data", "1e16 0101 0000 0000 0000 0003 0000 0000 0000 0002 0064 0000", 0, "kind=30,0,0 len=22 subtype=0 version=1 flags=0x01 checksumreq.flags=0 extensibility.flag=0 nomoresubflows.flag=0 sha256.flag=1 reserved.flag=0x00 sendkey=3 recvkey=2 datalvllen=100 expected_token=3580398162 expected_idsn=9194154084131654005"},
	{"capable, data and checksum", "1e18 0181 0000 0000 0000 0004 0000 0000 0000 0002 0064 abcd", 0, "kind=30 len=24 subtype=0 version=1 flags=0x81 checksumreq.flags=1 extensibility.flag=0 nomoresubflows.flag=0 sha256.flag=1 reserved.flag=0x00 sendkey=4 recvkey=2 datalvllen=100 checksum=0xabcd expected_token=2147872813 expected_idsn=14788250915861166076"},

	// MP_JOIN.
	{"join, SYN", "1e0c 1103 0000 0007 0000 0008", 0, "kind=30 len=12 subtype=1 flags=0x11 backup.flag=1 addrid=3 recvtok=7 sendrand=8"},
	{"join, SYN/ACK", "1e10 1003 0000 0000 0000 0007 0000 0008", 0, "kind=30 len=16 subtype=1 flags=0x10 backup.flag=0 addrid=3 sendrand=8 sendtrunchmac=7"},
	{"join, ACK", "1e18 1005 0102030405060708090a0b0c0d0e0f1011121314", 0, "kind=30 len=24 subtype=1 reserved=0x0005 sendhmac=0102030405060708090a0b0c0d0e0f1011121314"},
	{"join, ACK, cut", "1e18 1005 0102030405060708090a0b0c0d0e0f1011121314", 23, "kind=30 len=24 subtype=1 reserved=0x0005"},
	{"join, another length", "1e0d 1103 0000 0007 0000 0008 0000 0000", 0, "kind=30,0,0,0 len=13 subtype=1"},

	// DSS.
	{"DSS, no flags", "1e03 2000", 0, "kind=30 len=3 subtype=2"},
	{"DSS, nothing in it", "1e04 20e8", 0, "kind=30 len=4 subtype=2 flags=0xe8 datafin.flag=0 dseqn8.flag=1 dseqnpresent.flag=0 dataack8.flag=0 dataackpresent.flag=0"},
	{"DSS, 4-octet ACK", "1e08 2001 0000 0005", 0, "kind=30 len=8 subtype=2 flags=0x01 datafin.flag=0 dseqn8.flag=0 dseqnpresent.flag=0 dataack8.flag=0 dataackpresent.flag=1 rawdataack=5"},
	{"DSS, ACK too short", "1e07 2001 0000 0000", 0, "kind=30 len=7 subtype=2 flags=0x01 datafin.flag=0 dseqn8.flag=0 dseqnpresent.flag=0 dataack8.flag=0 dataackpresent.flag=1"},
	{"DSS, 8-octet mapping, no checksum", "1e12 201c 0000 0000 0000 0009 0000 0008 0007 0000", 0, "kind=30,0,0 len=18 subtype=2 flags=0x1c datafin.flag=1 dseqn8.flag=1 dseqnpresent.flag=1 dataack8.flag=0 dataackpresent.flag=0 rawdataseqno=9 subflowseqno=8 datalvllen=7"},
	{"DSS, all of it", "1e1c 200f 0000 0000 0000 000a 0000 0000 0000 0009 0000 0008 0007 abcd", 0, "kind=30 len=28 subtype=2 flags=0x0f datafin.flag=0 dseqn8.flag=1 dseqnpresent.flag=1 dataack8.flag=1 dataackpresent.flag=1 rawdataack=10 rawdataseqno=9 subflowseqno=8 datalvllen=7 dss.checksum=0xabcd"},
	{"DSS, checksum cut", "1e10 2004 0000 0009 0000 0008 0007 abcd", 15, "kind=30 len=16 subtype=2 flags=0x04 datafin.flag=0 dseqn8.flag=0 dseqnpresent.flag=1 dataack8.flag=0 dataackpresent.flag=0 rawdataseqno=9 subflowseqno=8 datalvllen=7"},
	{"DSS, half a checksum", "1e0f 2004 0000 0009 0000 0008 0007 ab00", 0, "kind=30,0 len=15 subtype=2 flags=0x04 datafin.flag=0 dseqn8.flag=0 dseqnpresent.flag=1 dataack8.flag=0 dataackpresent.flag=0 rawdataseqno=9 subflowseqno=8 datalvllen=7"},
	{"DSS, two octets too many", "1e12 2004 0000 0009 0000 0008 0007 abcd ef01 0000", 0, "kind=30,0,0 len=18 subtype=2 flags=0x04 datafin.flag=0 dseqn8.flag=0 dseqnpresent.flag=1 dataack8.flag=0 dataackpresent.flag=0 rawdataseqno=9 subflowseqno=8 datalvllen=7 checksum=0xabcd"},

	// ADD_ADDR and REMOVE_ADDR.
	{"add, version 0", "1e08 3401 0a00 0001", 0, "kind=30 len=8 subtype=3 addrid=1 ipver=4 ipv4=10.0.0.1"},
	{"add, version 0, port, nibble of the other family", "1e0a 3601 0a00 0001 1388 0000", 0, "kind=30,0,0 len=10 subtype=3 addrid=1 ipver=6 ipv4=10.0.0.1 port=5000"},
	{"add, HMAC", "1e10 3001 0a00 0001 0000 0000 0000 0007", 0, "kind=30 len=16 subtype=3 addrid=1 addaddrtrunchmac=7 echo=0 ipv4=10.0.0.1"},
	{"add, port and HMAC", "1e12 3001 0a00 0001 1388 0000 0000 0000 0007 0000", 0, "kind=30,0,0 len=18 subtype=3 addrid=1 addaddrtrunchmac=7 echo=0 ipv4=10.0.0.1 port=5000"},
	{"add, echo of IPv6", "1e14 3101 2001 0db8 0000 0000 0000 0000 0000 0001", 0, "kind=30 len=20 subtype=3 addrid=1 echo=1 ipv6=2001:db8::1"},
	{"add, IPv6 cut", "1e14 3101 2001 0db8 0000 0000 0000 0000 0000 0001", 19, "kind=30 len=20 subtype=3 addrid=1 echo=1"},
	{"add, IPv6, port and HMAC", "1e1e 3001 2001 0db8 0000 0000 0000 0000 0000 0001 1388 0000 0000 0000 0007 0000", 0, "kind=30,0,0 len=30 subtype=3 addrid=1 addaddrtrunchmac=7 echo=0 ipv6=2001:db8::1 port=5000"},
	{"add, another length", "1e09 3001 0a00 0001 0000 0000", 0, "kind=30,0,0,0 len=9 subtype=3 addrid=1 echo=0"},
	{"add, no id", "1e03 3000", 0, "kind=30 len=3 subtype=3 echo=0"},
	{"remove, none", "1e03 4000", 0, "kind=30,0 len=3 subtype=4 rm_addr.count=0"},
	{"remove, three", "1e06 4001 0203 0000", 0, "kind=30,0,0 len=6 subtype=4 addrid=1,2,3 rm_addr.count=3"},
	{"remove, cut", "1e06 4001 0203 0000", 5, "kind=30 len=6 subtype=4 addrid=1,2 rm_addr.count=3"},

	// The others.
	{"prio", "1e03 5100", 0, "kind=30,0 len=3 subtype=5 flags=0x51 backup.flag=1"},
	{"prio, with an id", "1e04 5007", 0, "kind=30 len=4 subtype=5 flags=0x50 backup.flag=0 addrid=7"},
	{"prio, longer", "1e05 5007 0000 0000", 0, "kind=30,0,0,0 len=5 subtype=5 flags=0x50 backup.flag=0"},
	{"fail", "1e0c 6123 0000 0000 0000 0005", 0, "kind=30 len=12 subtype=6 reserved=0x0123 rawdataseqno=5"},
	{"fail, short", "1e0b 6000 0000 0000 0000 0000", 0, "kind=30 len=11 subtype=6 reserved=0x0000"},
	{"fast close", "1e0c 7000 0000 0000 0000 0005", 0, "kind=30 len=12 subtype=7 reserved=0x0000 recvkey=5"},
	{"rst", "1e04 8b03", 0, "kind=30 len=4 subtype=8 flags=0x8b flag_U.flag=1 flag_V.flag=0 flag_W.flag=1 flag_T.flag=1 rst_reason=0x03"},
	{"rst, no reason", "1e03 8400", 0, "kind=30 len=3 subtype=8 flags=0x84 flag_U.flag=0 flag_V.flag=1 flag_W.flag=0 flag_T.flag=0"},
	{"no known subtype", "1e04 9001 1e03 f000", 0, "kind=30,30,0 len=4,3 subtype=9,15"},
	{"three options, the second too short", "1e04 5007 1e03 2000 1e04 5007", 0, "kind=30,30 len=4,3 subtype=5,2 flags=0x50 backup.flag=0 addrid=7"},
}

// lenientFrame is the segment around the block.
func lenientFrame(t *testing.T, i int) pcap.Frame {
	t.Helper()
	c := lenient[i]
	block, err := hex.DecodeString(strings.ReplaceAll(c.block, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	b := ethernetFrame(uint16(10_000+i), 5001, wire.ACK, block, nil)
	f := pcap.Frame{Link: pcap.LinkEthernet, Data: b, Len: len(b)}
	if c.captured > 0 {
		f.Data = b[:54+c.captured]
	}
	return f
}

// TestLenient shows what is left of options that package wire refuses.
func TestLenient(t *testing.T) {
	for i, c := range lenient {
		f := lenientFrame(t, i)
		if got := shown(fields.NewExtractor().Frame(&f)); got != c.want {
			t.Errorf("%s: %s\nshows %s\nwant  %s", c.name, c.block, got, c.want)
		}
	}
}

// shown lists the fields of the options, in the order of the table.
func shown(r *fields.Row) string {
	var cells []string
	for _, name := range fields.Names() {
		f, _ := fields.Lookup(name)
		short := name
		for _, prefix := range []string{"tcp.option_", "tcp.options.mptcp.", "tcp.options.", "mptcp.", "mpd."} {
			short = strings.TrimPrefix(short, prefix)
			if short != name {
				break
			}
		}
		if short != name && r.Has(f.ID) {
			cells = append(cells, short+"="+string(r.Append(nil, f.ID, ",")))
		}
	}
	return strings.Join(cells, " ")
}

func TestTsharkOnLenient(t *testing.T) {
	needTshark(t)
	var frames []pcap.Frame
	for i := range lenient {
		frames = append(frames, lenientFrame(t, i))
	}
	compareTshark(t, writeCapture(t, pcap.LinkEthernet, frames), 0)
}
