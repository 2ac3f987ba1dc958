package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// command is the root or one of its subcommands.
type command struct {
	name       string // "" for the root
	usage      string // what follows the name
	short      string // for the list in the root's help
	examples   string // the help opens with them
	text       string // and goes on with this
	takesFiles bool
	flags      func(*pflag.FlagSet, *options)
	run        func(*app, *command) int
}

// commands are filled in by init, since they refer to each other.
var (
	root     *command
	commands []*command
)

func init() {
	root = rootCommand()
	commands = []*command{
		listCommand(), verifyCommand(), whyCommand(), followCommand(), statsCommand(), fieldsCommand(),
	}
}

func findCommand(name string) *command {
	for _, c := range commands {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (c *command) path() string { return strings.TrimSpace("mpdecode " + c.name) }

// register adds the flags; what the command does not have keeps its default.
func (c *command) register(f *pflag.FlagSet, o *options) {
	o.conn, o.subflow = -1, -1
	c.flags(f, o)
}

// help prints examples first, then what the command does, then its flags.
func (c *command) help(w io.Writer, f *pflag.FlagSet) {
	fmt.Fprintf(w, "Examples:\n%s\n", indent(c.examples))
	fmt.Fprintf(w, "Usage: %s\n\n%s\n", strings.TrimSpace(c.path()+" "+c.usage), strings.TrimSpace(c.text))
	if c == root {
		fmt.Fprintf(w, "\nCommands (each has --help):\n")
		for _, sub := range commands {
			fmt.Fprintf(w, "  %-8s %s\n", sub.name, sub.short)
		}
	}
	fmt.Fprint(w, "\nFlags:\n")
	flagTable(w, f)
	if c.takesFiles {
		fmt.Fprint(w, exitCodesHelp)
	}
}

const exitCodesHelp = `
Exit codes: 0 clean, 1 findings, 2 usage, 3 an input is unreadable or cut short
(what could be read is printed), 4 nothing matched.
`

// flagTable lists the flags: pflag's own list has more punctuation than text.
func flagTable(w io.Writer, f *pflag.FlagSet) {
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
		fmt.Fprintf(w, "%-*s %s\n", column-1, name, wrap(usage, strings.Repeat(" ", column), 96))
	})
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(text)) {
		b.WriteString("  " + strings.TrimSpace(line) + "\n")
	}
	return b.String()
}
