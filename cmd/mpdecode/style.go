package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// style finds out what stdout is.
func (a *app) style(stdout io.Writer) {
	a.width = 100
	f, ok := stdout.(*os.File)
	a.terminal = ok && term.IsTerminal(int(f.Fd()))
	if a.terminal {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			a.width = min(max(w, 60), 140)
		}
	}
	switch a.opt.color {
	case "always":
		a.paint = true
	case "never":
		a.paint = false
	default: // https://no-color.org
		a.paint = palette(a.terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
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

// wrap breaks text into lines of at most width columns, each after the first
// beginning with margin; what is longer than a line stays whole.
func wrap(text, margin string, width int) string {
	var b strings.Builder
	at := len(margin)
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteString("\n" + margin)
			at = len(margin)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

// group writes a number with a comma between thousands.
func group[T int | int64 | uint32 | uint64](n T) string {
	s := fmt.Sprint(n)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(s) - 3; i > first; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

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
func rate(bps float64) string {
	switch {
	case bps <= 0:
		return "-"
	case bps < 1e3:
		return fmt.Sprintf("%.0f bit/s", bps)
	case bps < 1e6:
		return fmt.Sprintf("%.1f kbit/s", bps/1e3)
	case bps < 1e9:
		return fmt.Sprintf("%.1f Mbit/s", bps/1e6)
	}
	return fmt.Sprintf("%.2f Gbit/s", bps/1e9)
}

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
