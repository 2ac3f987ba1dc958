package main

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567", -1234: "-1,234",
		-123: "-123", 12345678901: "12,345,678,901",
	} {
		require.Equal(t, want, group(n))
	}
	require.Equal(t, "18,446,744,073,709,551,615", group(uint64(math.MaxUint64)))
	require.Equal(t, "1 join", plural(1, "join"))
	require.Equal(t, "2 copies", plural(2, "copy"))
	for bps, want := range map[float64]string{
		0: "-", 12: "12 bit/s", 1500: "1.5 kbit/s", 2.5e6: "2.5 Mbit/s", 1.234e10: "12.34 Gbit/s",
	} {
		require.Equal(t, want, rate(bps))
	}
}

func TestWrap(t *testing.T) {
	text := strings.Repeat("seven sea words ", 20)
	lines := strings.Split(wrap(text, "    ", 40), "\n")
	require.Greater(t, len(lines), 5)
	for i, line := range lines {
		require.LessOrEqual(t, len(line), 40)
		require.Equal(t, i > 0, strings.HasPrefix(line, "    s") || strings.HasPrefix(line, "    w"))
	}
	require.Equal(t, strings.Fields(text), strings.Fields(strings.Join(lines, " ")))
}

// Columns that are empty in every row take no room.
func TestTable(t *testing.T) {
	var b strings.Builder
	palette(false).table(&b, "  ", [][]cell{
		cells("name", "empty", "octets"),
		{left("a"), left(""), right("1")},
		{left("longer"), left(""), right("1,000")},
	})
	require.Equal(t, "  name    octets\n  a            1\n  longer   1,000\n", b.String())
}

// A terminal's colours do not move the columns.
func TestColoursTakeNoRoom(t *testing.T) {
	_, plainText, _ := invoke(nil, "--color", "never", file("joinhmac-corrupt.pcap"))
	_, coloured, _ := invoke(nil, "--color", "always", file("joinhmac-corrupt.pcap"))
	require.NotContains(t, plainText, "\x1b")
	require.Contains(t, coloured, "\x1b[31m")
	for {
		i := strings.Index(coloured, "\x1b[")
		if i < 0 {
			break
		}
		end := strings.IndexByte(coloured[i:], 'm')
		coloured = coloured[:i] + coloured[i+end+1:]
	}
	require.Equal(t, plainText, coloured)
}
