// Package screen is what the commands have in common on a terminal: text broken into
// lines, the list of flags in a help, quantities with units, colours.
package screen

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// Wrap breaks text into lines of at most width columns, each after the first beginning
// with margin; what is longer than a line stays whole.
func Wrap(text, margin string, width int) string {
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

// Indent puts two spaces before each line of text, in place of what stood there.
func Indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(text)) {
		b.WriteString("  " + strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

// FlagTable lists the flags: pflag's own list has more punctuation than text.
func FlagTable(w io.Writer, f *pflag.FlagSet) {
	const column = 27
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		name := "      --" + flag.Name
		if flag.Shorthand != "" {
			name = "  -" + flag.Shorthand + ", --" + flag.Name
		}
		value, usage := pflag.UnquoteUsage(flag)
		if flag.Value.Type() != "bool" {
			name += " " + value
		}
		if flag.Value.Type() == "string" && flag.DefValue != "" {
			usage += " (" + flag.DefValue + " by default)"
		}
		fmt.Fprintf(w, "%-*s %s\n", column-1, name, Wrap(usage, strings.Repeat(" ", column), 96))
	})
}

// Rate is a number of bits a second with a fitting unit.
func Rate(bps float64) string {
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

// Group writes a number with a comma between thousands.
func Group[T int | int64 | uint32 | uint64](n T) string {
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

// Terminal reports whether w is a terminal, and how many columns it has: 100 where
// that cannot be told.
func Terminal(w io.Writer) (columns int, is bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 100, false
	}
	if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
		return n, true
	}
	return 100, true
}

// Colours reports whether colours are wanted on terminals (https://no-color.org).
func Colours() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }
