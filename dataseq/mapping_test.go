package dataseq

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The example of RFC 8684 section 3.3.3: DSN 80 with length 11 and a DATA_FIN.
func TestDataFinIsCounted(t *testing.T) { // R3.3.3-02
	for _, v := range vectors(t, "data_fin mapping") {
		s := Space{IDSN: 9}
		off, ok := s.Off(uint64(v.DSN.(float64)))
		require.True(t, ok)
		m, ok := NewMapping(0, off, v.DLL, v.DataFin)
		require.True(t, ok)
		require.Equal(t, uint64(80), s.DSN(m.Data))
		require.Equal(t, uint64(89), s.DSN(m.DataEnd()-1), "the last octet of data")
		require.Equal(t, uint64(v.FinDSN), s.DSN(m.DataEnd()), "the DATA_FIN")
		require.Equal(t, uint64(v.DataAck), s.DSN(m.DataNext()), "what acknowledges all")
		require.Equal(t, uint64(10), m.Len, "the DATA_FIN takes no subflow octet")
		require.Equal(t, uint64(11), m.Length())
	}
}

func TestDataFinAlone(t *testing.T) { // R3.3.3-03
	m, ok := NewMapping(777, 5, 1, true)
	require.True(t, ok)
	require.Equal(t, Mapping{Data: 5, Fin: true}, m)
	require.False(t, m.Contains(0))
	require.ErrorIs(t, new(Table).Add(m), ErrRange, "no octets: nothing for the table")
}

func TestInfiniteMappingIsNoRange(t *testing.T) { // R3.3.1-21
	_, ok := NewMapping(0, 0, 0, false)
	require.False(t, ok)
}

func TestMappingShifts(t *testing.T) {
	m := Mapping{Sub: 1000, Data: 10, Len: 5} // a second subflow, far ahead of the data
	require.False(t, m.Contains(999))
	require.True(t, m.Contains(1000))
	require.True(t, m.Contains(1004))
	require.False(t, m.Contains(1005))
	require.Equal(t, uint64(14), m.Shift(1004))
	require.True(t, m.Agrees(Mapping{Sub: 990, Data: 0, Len: 50}))
	require.False(t, m.Agrees(Mapping{Sub: 1000, Data: 11, Len: 5}))
}
