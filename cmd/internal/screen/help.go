package screen

import (
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Help is what a command says of itself.
type Help struct {
	Path     string // the program and its command, "mpdecode list"
	Usage    string // what follows them
	Examples string // come first
	Text     string // what the command does
	Commands []Entry
	Flags    *pflag.FlagSet
}

// Entry is a command of a program, and a line about it.
type Entry struct{ Name, Short string }

// Print writes examples, then what the command does, then its commands and flags.
func (h *Help) Print(w io.Writer) {
	fmt.Fprintf(w, "Examples:\n%s\n", Indent(h.Examples))
	fmt.Fprintf(w, "Usage: %s\n\n%s\n", strings.TrimSpace(h.Path+" "+h.Usage), strings.TrimSpace(h.Text))
	if len(h.Commands) > 0 {
		fmt.Fprint(w, "\nCommands (each has --help):\n")
		wide := 7
		for _, c := range h.Commands {
			wide = max(wide, len(c.Name))
		}
		for _, c := range h.Commands {
			fmt.Fprintf(w, "  %-*s  %s\n", wide, c.Name, c.Short)
		}
	}
	fmt.Fprint(w, "\nFlags:\n")
	FlagTable(w, h.Flags)
}

// Version names a program and its build.
func Version(program string) string {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		if i := slices.IndexFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "vcs.revision" }); i >= 0 && version == "(devel)" {
			version += " " + info.Settings[i].Value
		}
	}
	return program + " " + version
}
