package trace

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/wire"
	"github.com/stretchr/testify/require"
)

// bulk makes the frames of a bulk transfer over two subflows as a kernel sends it:
// mappings of 64 KiB, their option on each segment, an ACK for every second one,
// cut to 128 octets.
func bulk(b *testing.B, segments int) []pcap.Frame {
	var frames []pcap.Frame
	seq := [2]uint32{111, 701}
	ssn := [2]uint32{11, 1}
	payload := make([]byte, 1424)
	send := func(from, to, text string, n int) {
		p, err := wire.ParseText(text)
		require.NoError(b, err)
		s := p.Segment
		s.Src, s.Dst, s.Payload = endpoints[from], endpoints[to], payload[:n]
		pkt, err := wire.Append(nil, &s)
		require.NoError(b, err)
		frame := append(append(make([]byte, 12), 8, 0), pkt...)
		frames = append(frames, pcap.Frame{
			Number: len(frames) + 1, Nanos: 1e18 + int64(len(frames))*5e3, HasTime: true, Link: pcap.LinkEthernet,
			Len: len(frame), Data: frame[:min(len(frame), 128)],
		})
	}
	ka, kb := fmt.Sprintf("%016x", uint64(keyA)), fmt.Sprintf("%016x", uint64(keyB))
	idsnA, idsnB := keyA.IDSN(1)+1, keyB.IDSN(1)+1
	send("a", "b", "S 100:100(0) win 65535 <mss 1460, mp_capable v1 H>", 0)
	send("b", "a", "S. 500:500(0) ack 101 win 65535 <mss 1460, mp_capable v1 H key="+kb+">", 0)
	send("a", "b", ". 101:101(0) ack 501 win 1000 <mp_capable v1 H key="+ka+"+"+kb+">", 0)
	send("a", "b", "P. 101:111(10) ack 501 win 1000 <mp_capable v1 H key="+ka+"+"+kb+" dll=10>", 10)
	send("b", "a", fmt.Sprintf(". 501:501(0) ack 111 win 1000 <dss dack8=%d>", idsnA+10), 0)
	send("a2", "b2", fmt.Sprintf("S 700:700(0) win 65535 <mss 1460, mp_join syn id=1 token=%08x nonce=00000009>", uint32(keyB.Token(1))), 0)
	send("b2", "a2", fmt.Sprintf("S. 800:800(0) ack 701 win 65535 <mp_join synack id=2 hmac=%016x nonce=00000007>", wire.JoinHMAC64(1, keyB, keyA, 7, 9)), 0)
	send("a2", "b2", fmt.Sprintf(". 701:701(0) ack 801 win 1000 <mp_join ack hmac=%x>", wire.JoinHMAC160(1, keyA, keyB, 9, 7)), 0)
	send("b2", "a2", ". 801:801(0) ack 701 win 1000", 0)
	from, to, ack := [2]string{"a", "a2"}, [2]string{"b", "b2"}, [2]uint32{501, 801}
	const perMapping = 45
	for i, off := 0, uint64(10); i < segments; i += 2 * perMapping {
		for k := range 2 * perMapping { // the subflows take turns segment by segment
			p := k % 2
			base := off + uint64(p)*perMapping*1424
			send(from[p], to[p], fmt.Sprintf(". %d:%d(1424) ack %d win 1000 <nop, nop, TS val 1 ecr 2, dss dack4=%d dsn8=%d ssn=%d dll=%d>",
				seq[p], seq[p]+1424, ack[p], uint32(idsnB), idsnA+base, ssn[p], perMapping*1424), 1424)
			seq[p] += 1424
			if k%4 >= 2 {
				send(to[p], from[p], fmt.Sprintf(". %d:%d(0) ack %d win 60000 <nop, nop, TS val 1 ecr 2, dss dack8=%d>", ack[p], ack[p], seq[p], idsnA+off), 0)
			}
		}
		off += 2 * perMapping * 1424
		ssn[0], ssn[1] = ssn[0]+perMapping*1424, ssn[1]+perMapping*1424
	}
	return frames
}

// BenchmarkTracker reads and judges a bulk transfer: what mpdecode does with a
// capture. Its profile is cmd/mpdecode/default.pgo, which the compiler takes for
// that program:
//
//	go test ./pcap/trace -run '^$' -bench Tracker -benchtime 20s -cpuprofile cmd/mpdecode/default.pgo
func BenchmarkTracker(b *testing.B) {
	var file bytes.Buffer
	w, err := pcap.NewWriter(&file, pcap.WriterOptions{Nanos: true, Link: pcap.LinkEthernet})
	require.NoError(b, err)
	frames := bulk(b, 20000)
	for i := range frames {
		require.NoError(b, w.WriteFrame(&frames[i]))
	}
	b.SetBytes(int64(file.Len()))
	b.ReportAllocs()
	for b.Loop() {
		r, err := pcap.NewReader(bytes.NewReader(file.Bytes()))
		if err != nil {
			b.Fatal(err)
		}
		t := New(Config{})
		var f pcap.Frame
		for r.Next(&f) == nil {
			t.Add(0, &f)
		}
		t.Finish()
		if f := t.Findings(); t.Totals.TCP != len(frames) || len(f) > 0 {
			b.Fatal(t.Totals, f)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(frames)), "ns/packet")
}
