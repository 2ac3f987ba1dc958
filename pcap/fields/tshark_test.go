package fields_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/fields"
	"github.com/mptcp-go/mptcp/wire"
)

// needTshark skips the test unless MPTCP_TSHARK=1 asks for a comparison with the
// installed tshark (version 4.0 is what the values were made for).
func needTshark(t *testing.T) {
	t.Helper()
	if os.Getenv("MPTCP_TSHARK") != "1" {
		t.Skip("set MPTCP_TSHARK=1 to compare with the installed tshark")
	}
}

var tsharkSeed = flag.Uint64("tshark-seed", 2, "seed of the random frames shown to tshark")

// comparableFields are the fields that tshark prints too.
func comparableFields(t *testing.T) []fields.Field {
	var list []fields.Field
	for _, name := range fields.Names() {
		f, _ := fields.Lookup(name)
		if f.Type == fields.Layer || f.Type == fields.Mark || f.Extern || strings.HasPrefix(name, "mpd.") {
			continue
		}
		list = append(list, f)
	}
	return list
}

// compareTshark runs tshark on file and compares all fields of all frames of which at
// least from octets were captured.
func compareTshark(t *testing.T, file string, from int) {
	t.Helper()
	list := comparableFields(t)
	args := []string{"-n", "-r", file, "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,", "-E", "separator=/t"}
	for _, f := range list {
		args = append(args, "-e", f.Name)
	}
	args = append(args, "-e", "_ws.expert.message")
	out, err := exec.Command("tshark", args...).Output()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	rows := strings.Split(string(out), "\n")
	subtype := id(t, "tcp.options.mptcp.subtype")
	protocols := id(t, "frame.protocols")
	differ := make(map[string]int)
	next := 0
	eachRow(t, file, func(f *pcap.Frame, r *fields.Row) {
		cells := strings.Split(rows[next], "\t")
		next++
		if len(f.Data) < from {
			return
		}
		if strings.Contains(cells[len(list)], "failed assertion") {
			return // tshark gave up, by a fault of its own
		}
		for i, field := range list {
			got, want := string(r.Append(nil, field.ID, ",")), cells[i]
			if field.Name == "frame.protocols" {
				want = strings.TrimPrefix(want, got) // tshark goes on to applications
				got = ""
				if strings.HasPrefix(want, ":") {
					want = ""
				}
			}
			if strings.HasPrefix(field.Name, "mptcp.expected_") && strings.Contains(string(r.Append(nil, subtype, ",")), ",") {
				continue // with several options tshark shows what it remembers of another one
			}
			if field.Name == "eth.addr" || field.Name == "eth.src" || field.Name == "eth.dst" || field.Name == "eth.type" {
				if strings.Contains(string(r.Append(nil, protocols, "")), "vxlan") {
					continue // the inner Ethernet header
				}
			}
			if got == want || want == "<MISSING>" && got == "" {
				continue
			}
			if differ[field.Name]++; differ[field.Name] < 4 {
				t.Errorf("%s frame %d: %s = %q, tshark says %q\n%x", filepath.Base(file), f.Number, field.Name, got, want, f.Data)
			}
		}
	})
	if next != len(rows)-1 {
		t.Errorf("%s: %d frames, tshark has %d", filepath.Base(file), next, len(rows)-1)
	}
}

func TestTsharkOnCaptures(t *testing.T) {
	needTshark(t)
	for _, file := range captureFiles(t) {
		if base := filepath.Base(file); base != "comments.pcapng" && base != "rawsyn-versions.pcap" {
			compareTshark(t, file, 0)
		}
	}
}

// writeCapture writes frames of one link type to a temporary pcap file, one every
// millisecond.
func writeCapture(t *testing.T, link pcap.LinkType, frames []pcap.Frame) string {
	t.Helper()
	var b bytes.Buffer
	w, err := pcap.NewWriter(&b, pcap.WriterOptions{Link: link})
	if err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		f := &frames[i]
		f.Number, f.Link, f.HasTime = i+1, link, true
		f.Nanos = 1_700_000_000_000_000_000 + int64(i)*1_000_000
		if err := w.WriteFrame(f); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(t.TempDir(), "t.pcap")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestTsharkOnRandomOptions sends options that are mostly of a plausible kind, mostly of
// a wrong length, in frames that are sometimes cut.
func TestTsharkOnRandomOptions(t *testing.T) {
	needTshark(t)
	rnd := rand.New(rand.NewPCG(1, *tsharkSeed))
	var frames []pcap.Frame
	for i := range 20_000 {
		block := randomOptions(rnd)
		flags := wire.ACK
		switch rnd.IntN(8) {
		case 0:
			flags = wire.SYN
		case 1:
			flags = wire.SYN | wire.ACK
		}
		b := ethernetFrame(uint16(10_000+i), 5001, flags, block, []byte("payload"))
		f := pcap.Frame{Data: b, Len: len(b)}
		if rnd.IntN(3) == 0 {
			f.Data = b[:rnd.IntN(len(b)+1)]
		}
		frames = append(frames, f)
	}
	compareTshark(t, writeCapture(t, pcap.LinkEthernet, frames), 0)
}

// randomOptions returns a block of a multiple of four octets.
func randomOptions(rnd *rand.Rand) []byte {
	kinds := []byte{2, 3, 4, 5, 8, 30, 30, 30, 30, 30, 30, 34}
	var b []byte
	sack := false
	for len(b) < 36 && rnd.IntN(4) != 0 {
		if rnd.IntN(6) == 0 {
			b = append(b, byte(rnd.IntN(2)))
			continue
		}
		kind := kinds[rnd.IntN(len(kinds))]
		if rnd.IntN(20) == 0 {
			kind = byte(100 + rnd.IntN(100)) // no option that tshark knows
		}
		if kind == 5 && sack {
			continue // tshark treats a second SACK option in its own way
		}
		sack = sack || kind == 5
		size := 2 + rnd.IntN(30)
		if kind < 10 && rnd.IntN(2) == 0 {
			size = map[byte]int{2: 4, 3: 3, 4: 2, 5: 2 + 8*rnd.IntN(4), 8: 10}[kind]
		}
		size = min(size, 40-len(b))
		if size < 3 {
			break
		}
		o := make([]byte, size)
		for i := range o {
			o[i] = byte(rnd.Uint32())
		}
		o[0], o[1] = kind, byte(size)
		o[2] = byte(rnd.IntN(9)<<4 | rnd.IntN(3))
		if rnd.IntN(40) == 0 {
			o[1] = byte(rnd.IntN(42))
		}
		b = append(b, o...)
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b[:min(len(b), 40)]
}

// ethernetFrame builds an IPv4 segment from 10.0.0.1 to 10.0.0.2.
func ethernetFrame(src, dst uint16, flags wire.Flags, options, payload []byte) []byte {
	b := append([]byte(nil), 2, 0, 0, 0, 1, 2, 2, 0, 0, 0, 1, 1, 8, 0)
	n := 40 + len(options) + len(payload)
	b = append(b, 0x45, 0, byte(n>>8), byte(n), 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2)
	b = binary.BigEndian.AppendUint16(b, src)
	b = binary.BigEndian.AppendUint16(b, dst)
	b = binary.BigEndian.AppendUint32(b, 1000)
	b = binary.BigEndian.AppendUint32(b, 2000)
	b = binary.BigEndian.AppendUint16(b, uint16(20+len(options))<<10|uint16(flags))
	b = append(b, 0x20, 0, 0xab, 0xcd, 0, 0)
	return append(append(b, options...), payload...)
}

// TestTsharkOnRandomStreams mixes segments of a few endpoints, so that ports are reused,
// handshakes come in any order, and numbers are relative to something odd.
func TestTsharkOnRandomStreams(t *testing.T) {
	needTshark(t)
	rnd := rand.New(rand.NewPCG(2, *tsharkSeed))
	var frames []pcap.Frame
	for range 20_000 {
		// A few segments for each pair of ports, then new ports.
		pair := uint16(10_000 + len(frames)/12*2 + rnd.IntN(2))
		flags := []wire.Flags{
			wire.SYN, wire.SYN, wire.SYN | wire.ACK, wire.SYN | wire.ACK, wire.ACK, wire.ACK, wire.ACK,
			wire.FIN | wire.ACK, wire.RST, wire.RST | wire.ACK, wire.SYN | wire.FIN, 0,
		}[rnd.IntN(12)]
		var options []byte
		if flags.Has(wire.SYN) && rnd.IntN(3) > 0 {
			options = []byte{3, 3, byte(rnd.IntN(17)), 1}
		}
		src, dst := pair, uint16(5001)
		b := ethernetFrame(src, dst, flags, options, make([]byte, rnd.IntN(3)))
		tcp := b[34:]
		binary.BigEndian.PutUint32(tcp[4:], uint32(rnd.IntN(3)*100+rnd.IntN(3)))
		binary.BigEndian.PutUint32(tcp[8:], uint32(rnd.IntN(3)*100+rnd.IntN(3)))
		if rnd.IntN(2) == 0 { // the other way
			b[29], b[33] = 2, 1
			binary.BigEndian.PutUint16(tcp, dst)
			binary.BigEndian.PutUint16(tcp[2:], src)
		}
		frames = append(frames, pcap.Frame{Data: b, Len: len(b)})
	}
	compareTshark(t, writeCapture(t, pcap.LinkEthernet, frames), 0)
}

// TestTsharkOnCuts cuts frames of every link type at every octet.
func TestTsharkOnCuts(t *testing.T) {
	needTshark(t)
	for _, c := range linkSamples() {
		t.Run(c.name, func(t *testing.T) {
			var frames []pcap.Frame
			for n := range len(c.frame) + 1 {
				frames = append(frames, pcap.Frame{Data: c.frame[:n], Len: len(c.frame)})
			}
			compareTshark(t, writeCapture(t, c.link, frames), c.from)
		})
	}
}
