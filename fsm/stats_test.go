package fsm

import (
	"iter"
	"reflect"
	"testing"

	"github.com/mptcp-go/mptcp/fsm/tcp"
)

// All has every counter under the name of its field, with that field's value.
func TestStatsAll(t *testing.T) {
	var own Stats
	var flows tcp.Stats
	for _, x := range []struct {
		v   reflect.Value
		all func() iter.Seq2[string, uint64]
	}{{reflect.ValueOf(&own).Elem(), own.All}, {reflect.ValueOf(&flows).Elem(), flows.All}} {
		for i := range x.v.NumField() {
			x.v.Field(i).SetUint(uint64(1000 + i))
		}
		i := 0
		for name, n := range x.all() {
			if i >= x.v.NumField() || name != x.v.Type().Field(i).Name || n != uint64(1000+i) {
				t.Fatalf("%v: counter %d is %s = %d", x.v.Type(), i, name, n)
			}
			i++
		}
		if i != x.v.NumField() {
			t.Errorf("%v: %d counters of %d", x.v.Type(), i, x.v.NumField())
		}
		for range x.all() {
			break // may stop early
		}
	}
}
