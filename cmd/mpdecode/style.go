package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/mptcp-go/mptcp/cmd/internal/screen"
)

// style finds out what stdout is.
func (a *app) style(stdout io.Writer) {
	columns, terminal := screen.Terminal(stdout)
	a.terminal, a.width = terminal, 100
	if terminal {
		a.width = min(max(columns, 60), 140)
	}
	switch a.opt.color {
	case "always":
		a.paint = true
	case "never":
		a.paint = false
	default:
		a.paint = palette(a.terminal && screen.Colours())
	}
}

// palette colours text, or leaves it.
type palette bool

// Colours by meaning.
const (
	plain  = ""
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
	cyan   = "36"
)

func (p palette) as(colour, text string) string {
	if !p || colour == plain || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// cell is a field of a table.
type cell struct {
	text, colour string
	right        bool // aligned
}

func left(text string) cell          { return cell{text: text} }
func right(text string) cell         { return cell{text: text, right: true} }
func (c cell) in(colour string) cell { c.colour = colour; return c }
func cells(head ...string) (row []cell) {
	for _, h := range head {
		row = append(row, cell{text: h, colour: dim})
	}
	return row
}

// table prints rows in columns, the first row being the heads. Columns without any
// text under their head are left out.
func (p palette) table(w io.Writer, margin string, rows [][]cell) {
	n := len(rows[0])
	width := make([]int, n)
	for i := range n {
		for _, row := range rows[1:] {
			width[i] = max(width[i], utf8.RuneCountInString(row[i].text))
		}
		if width[i] > 0 {
			width[i] = max(width[i], utf8.RuneCountInString(rows[0][i].text))
		}
	}
	for k, row := range rows {
		var b strings.Builder
		b.WriteString(margin)
		pad := 0
		for i, c := range row {
			if width[i] == 0 {
				continue
			}
			space := width[i] - utf8.RuneCountInString(c.text)
			if k == 0 {
				c.right = len(rows) > 1 && rows[1][i].right
			}
			if c.right {
				pad += space
				space = 0
			}
			b.WriteString(strings.Repeat(" ", pad) + p.as(c.colour, c.text))
			pad = space + 2
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// wrap breaks text into lines of at most width columns (see screen.Wrap).
func wrap(text, margin string, width int) string { return screen.Wrap(text, margin, width) }

// group writes a number with a comma between thousands.
func group[T int | int64 | uint32 | uint64](n T) string { return screen.Group(n) }

// plural is a number with its noun.
func plural[T int | uint32 | uint64](n T, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "y") {
		return group(n) + " " + strings.TrimSuffix(noun, "y") + "ies"
	}
	return group(n) + " " + noun + "s"
}

// rate is a number of bits a second with a fitting unit.
func rate(bps float64) string { return screen.Rate(bps) }

// millis is a time in ms with three figures or so.
func millis(ns int64) string {
	switch ms := float64(ns) / 1e6; {
	case ms < 10:
		return fmt.Sprintf("%.2f", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f", ms)
	default:
		return fmt.Sprintf("%.0f", ms)
	}
}

// seconds is a duration.
func seconds(ns int64) string { return fmt.Sprintf("%.3f s", float64(ns)/1e9) }
