package fsm

import (
	"fmt"
	"testing"
)

// A box acknowledges in our name whatever passes, so that the peer's kernel falls back and
// all that it has comes in one go, the last octets with a mapping and the first without in
// the same moment. What we refuse never comes again: half of what may be held decides.
// P-4.1-01 (pro-active acking), paper section 3.3.6.
func TestUnmappedInTheMomentOfTheLastOption(t *testing.T) {
	b := accepted(t)
	b.inject("P. 4:1004(1000) ack 1 <dss dack4=O+0 dsn8=P+3 ssn=4 dll=1000>")
	seq := 1004
	for range 33 {
		b.inject(fmt.Sprintf(". %d:%d(1000) ack 1", seq, seq+1000))
		seq += 1000
	}
	if i := b.conn.Info(); !i.FellBack || i.Cause != "DssFallback" || i.Received != uint64(seq)-1 {
		t.Errorf("fell back %v (%s), %d octets received, want %d", i.FellBack, i.Cause, i.Received, seq-1)
	}
}
