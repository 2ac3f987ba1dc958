package peer

import (
	"iter"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mptcp-go/mptcp/peer/link"
)

// Every counter comes by its name, once, in order.
func TestCountersByName(t *testing.T) {
	var own Stats
	var one link.Stats
	for _, x := range []struct {
		v   reflect.Value
		all func() iter.Seq2[string, uint64]
	}{{reflect.ValueOf(&own).Elem(), own.All}, {reflect.ValueOf(&one).Elem(), one.All}} {
		var names, got []string
		for i := range x.v.NumField() {
			if f := x.v.Field(i); f.Kind() == reflect.Uint64 {
				f.SetUint(uint64(1000 + i))
				names = append(names, x.v.Type().Field(i).Name)
			}
		}
		for name, n := range x.all() {
			got = append(got, name)
			assert.Equal(t, x.v.FieldByName(name).Uint(), n, name)
		}
		assert.Equal(t, names, got)
	}
}
