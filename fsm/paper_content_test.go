package fsm

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// ftp is a control channel with an address in it now and then.
func ftp(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "NOOP %d\r\n", i)
		if i%100 == 40 {
			b.WriteString("PORT 10,0,0,1,195,80\r\n")
		}
	}
	return b.Bytes()
}

// P-3.3.6-01, P-3.3.6-02, P-3.3.6-04 (section 3.3.6): an application-level gateway
// writes another address into the payload and puts the sequence numbers right. With the
// checksum this is found and the connection is TCP from there on: it delivers what TCP
// delivers through the same box. Without, octets end up where they do not belong if the
// length was changed. (Where nothing is in the way, they may be switched off.)
func TestPaperContentChanged(t *testing.T) {
	const n = 8000
	line := "link delay=10ms rate=10Mbit buffer=200ms"
	data := ftp(n)
	run := func(put string, set func(*Config)) (*world, error) {
		w := newWorld(t, 9, testConfig(1, set), testConfig(2, set), "payload find=10,0,0,1 put="+put+" dir=c2s", line)
		w.altered = true
		// A line at a time, as such a client writes: the box finds its words whole.
		for i, l := range bytes.SplitAfter(data, []byte("\n")) {
			w.w.At(time.Duration(100+i)*time.Millisecond, func() {
				w.app[0].out = append(w.app[0].out, l...)
				w.app[0].closing = len(w.app[0].out) == len(data)
			})
		}
		w.app[1].closing = true
		w.dial()
		return w, w.w.RunUntil(w.done, 30*time.Minute)
	}
	for _, put := range []string{"10,0,0,9", "192,168,100,200", "1,2,3,4"} {
		tcp, err := run(put, func(c *Config) { c.Plain = true })
		want := bytes.ReplaceAll(data, []byte("10,0,0,1"), []byte(put))
		if err != nil || !bytes.Equal(tcp.app[1].in.Bytes(), want) {
			t.Fatalf("%s: TCP read %d octets: %v", put, tcp.app[1].in.Len(), err)
		}
		for _, v := range []Versions{OnlyV1, OnlyV0} {
			w, err := run(put, func(c *Config) { c.Versions = v })
			if err != nil || !bytes.Equal(w.app[1].in.Bytes(), want) {
				t.Errorf("%s: with checksums: read %d octets, TCP %d: %v", put, w.app[1].in.Len(), len(want), err)
			}
			if w.app[1].conn.Multipath() || w.app[0].conn.Multipath() || w.ep[1].stats.DataCsumErr != 1 || w.ep[0].stats.MPFailRx == 0 {
				t.Errorf("%s: no signalled fallback: %+v", put, w.ep[1].stats)
			}
		}
		w, err := run(put, func(c *Config) { c.NoChecksum = true })
		same := err == nil && bytes.Equal(w.app[1].in.Bytes(), want)
		if same != (len(put) == len("10,0,0,1")) {
			t.Errorf("%s: without checksums: read %d octets, TCP %d: %v", put, w.app[1].in.Len(), len(want), err)
		}
	}
}

// P-3.3.6-02: a gateway on one of two paths shortens what was mapped there, and nothing
// follows that would complete the mapping: its checksum is never known. What is sent
// again over the other subflow is not to wait for it.
func TestPaperContentShortenedAtTheEnd(t *testing.T) {
	line := "link delay=10ms rate=10Mbit buffer=200ms"
	for _, size := range []int{0, 900} {
		w := newWorld(t, 9, testConfig(1), testConfig(2), "link delay=30ms rate=10Mbit buffer=200ms")
		w.addPath("payload find=END! put=E dir=c2s", line)
		w.twoPaths(0, 0)
		w.app[0].out, w.app[0].closing, w.app[1].closing = text(10_000), false, false
		w.w.At(2*time.Second, func() { // both paths are idle: it goes over the quicker one
			w.app[0].out = append(append(w.app[0].out, "END!"...), make([]byte, size)...)
			w.app[0].closing, w.app[1].closing = true, true
		})
		w.finishTransfer(500*time.Millisecond + 2*time.Second)
		if !w.app[1].conn.Multipath() || w.ep[0].stats.MPTCPRetrans != 1 || !said(w.log, "payload find") {
			t.Errorf("multipath %v, %d sent again", w.app[1].conn.Multipath(), w.ep[0].stats.MPTCPRetrans)
		}
	}
}
