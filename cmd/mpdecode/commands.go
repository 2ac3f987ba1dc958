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
	h := screen.Help{Path: c.path(), Usage: c.usage, Examples: c.examples, Text: c.text, Flags: f}
	if c == root {
		for _, sub := range commands {
			h.Commands = append(h.Commands, screen.Entry{Name: sub.name, Short: sub.short})
		}
	}
	h.Print(w)
	if c.takesFiles {
		fmt.Fprint(w, exitCodesHelp)
	}
}

const exitCodesHelp = `
Exit codes: 0 clean, 1 findings, 2 usage, 3 an input is unreadable or cut short
(what could be read is printed), 4 nothing matched.
`
