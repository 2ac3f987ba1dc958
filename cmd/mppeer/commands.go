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
	name     string // "" for the root
	usage    string // what follows the name
	args     int    // that are no flags
	short    string // for the list in the root's help
	examples string // the help opens with them
	text     string // and goes on with this
	more     func(io.Writer)
	flags    func(*pflag.FlagSet, *options)
	run      func(*app, *command) int
}

// commands are filled in by init, since they refer to each other.
var (
	root     *command
	commands []*command
)

func init() {
	root = rootCommand()
	commands = []*command{connectCommand(), listenCommand(), forwardCommand(), demoCommand(), middleboxCommand(), labCommand()}
}

func rootCommand() *command {
	return &command{
		usage: "COMMAND [flags] ARGUMENTS",
		examples: `
			mppeer demo                                   see it work; needs no rights
			sudo mppeer connect server.example:80         netcat over Multipath TCP
			sudo mppeer listen :8080 --http . --path tun:tun0,10.9.0.2/24
			sudo mppeer lab                               a network of namespaces to play in`,
		text:  `A Multipath TCP host in user space (RFC 8684, and RFC 6824 as version 0).`,
		flags: func(*pflag.FlagSet, *options) {},
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

func (c *command) path() string { return strings.TrimSpace("mppeer " + c.name) }

// register adds the flags; what the command does not have keeps its default.
func (c *command) register(f *pflag.FlagSet, o *options) {
	c.flags(f, o)
	f.BoolVar(&o.version, "version", false, "print the version and exit")
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
	if c.more != nil {
		c.more(w)
	}
	fmt.Fprint(w, exitCodesHelp)
}

const exitCodesHelp = `
Exit codes: 0 clean, 1 a connection failed or something did not work, 2 usage, 3 rights,
tools or a feature of the system are missing.
`
