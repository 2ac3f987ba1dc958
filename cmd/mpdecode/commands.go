package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/mptcp-go/mptcp/cmd/internal/screen"
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
	fmt.Fprintf(w, "Examples:\n%s\n", screen.Indent(c.examples))
	fmt.Fprintf(w, "Usage: %s\n\n%s\n", strings.TrimSpace(c.path()+" "+c.usage), strings.TrimSpace(c.text))
	if c == root {
		fmt.Fprintf(w, "\nCommands (each has --help):\n")
		for _, sub := range commands {
			fmt.Fprintf(w, "  %-8s %s\n", sub.name, sub.short)
		}
	}
	fmt.Fprint(w, "\nFlags:\n")
	screen.FlagTable(w, f)
	if c.takesFiles {
		fmt.Fprint(w, exitCodesHelp)
	}
}

const exitCodesHelp = `
Exit codes: 0 clean, 1 findings, 2 usage, 3 an input is unreadable or cut short
(what could be read is printed), 4 nothing matched.
`
