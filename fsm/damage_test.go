package fsm

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// text is a stream with words that a box looks for, none across a likely boundary.
func text(n int) []byte {
	b := bytes.Repeat([]byte("............................................................\n"), n/61)
	for i := 400; i+10 < len(b); i += 5000 {
		copy(b[i:], "PORT")
	}
	return b
}

// Paper section 3.3.6, P-3.3.6-01, P-3.3.6-02; R3.7-09 to R3.7-11, R3.7-14: a gateway
// rewrites the payload, at the same length, longer or shorter. With checksums on, the
// connection signals it and becomes TCP, and delivers what TCP would deliver.
func TestPayloadChanged(t *testing.T) {
	for _, put := range []string{"TROP", "PORT9999", "P"} {
		for _, when := range []string{"", "after=40000B"} {
			for _, dir := range []string{"c2s", "s2c", ""} {
				for _, v := range []Versions{OnlyV1, OnlyV0} {
					t.Run(fmt.Sprintf("%s %s %s v=%d", put, when, dir, v), func(t *testing.T) {
						box := "payload find=PORT put=" + put + " " + when
						if dir != "" {
							box += " dir=" + dir
						}
						set := func(c *Config) { c.Versions = v }
						w := newWorld(t, 4, testConfig(1, set), testConfig(2, set), box, link)
						w.altered = true
						for i := range 2 {
							w.app[i].out, w.app[i].closing = text(100_000), true
						}
						w.dial()
						if err := w.w.RunUntil(w.done, 5*time.Minute); err != nil {
							t.Fatalf("%v\n%s\n%s", err, w.dump(0), w.dump(1))
						}
						failed := w.ep[0].stats.DataCsumErr + w.ep[1].stats.DataCsumErr
						if failed == 0 || w.app[0].conn.Multipath() || w.app[1].conn.Multipath() {
							t.Error("no checksum failed, or no fallback")
						}
						for i := range 2 {
							got := w.app[i].in.Bytes()
							want := w.app[1-i].out
							whole := bytes.ReplaceAll(want, []byte("PORT"), []byte(put))
							// What was there before the box came, or goes the other way, is
							// unchanged: undo the change and compare.
							if dir == "" && when == "" && !bytes.Equal(got, whole) {
								t.Errorf("end %d read %d octets, TCP would read %d", i, len(got), len(whole))
							}
							if len(put) > 1 {
								got = bytes.ReplaceAll(got, []byte(put), []byte("PORT"))
								if !bytes.Equal(got, want) {
									t.Errorf("end %d read %d octets, not those sent with %s changed", i, len(got), "PORT")
								}
							}
						}
						if w.ep[0].stats.MPFailTx == 0 || w.ep[1].stats.MPFailTx == 0 {
							t.Error("MP_FAIL was not sent by both")
						}
					})
				}
			}
		}
	}
}
