// Command mpdecode judges captures of Multipath TCP: which connections there were,
// over which subflows, whether every token, HMAC, key and checksum is right, what was
// sent twice, and why something fell back or was refused, with the frames that prove
// it. See `mpdecode --help`.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mptcp-go/mptcp/cmd/internal/screen"
	"github.com/spf13/pflag"
)

// Exit codes.
const (
	exitClean      = 0
	exitFindings   = 1 // some at or above --fail-on
	exitUsage      = 2
	exitUnreadable = 3 // an input could not be read, or not to its end
	exitNoMatch    = 4
)

func main() {
	stopOnInterrupt()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program but for the process it lives in.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, out: bufio.NewWriterSize(stdout, 64<<10)}
	a.style(stdout)
	code := a.dispatch(args)
	err := a.out.Flush()
	if err == nil {
		err = a.failed
	}
	if err != nil {
		fmt.Fprintf(stderr, "mpdecode: writing the output: %v\n", err)
		code = max(code, exitUnreadable)
	}
	return code
}

// app is one run of the program.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	out            *bufio.Writer // to stdout
	opt            options
	paint          palette
	width          int  // columns of the terminal
	terminal       bool // stdout is one
	damaged        bool // an input was not read to its end
	failed         error
}

// complain writes one line of diagnostics.
func (a *app) complain(format string, args ...any) {
	a.out.Flush() // what led to it comes first
	fmt.Fprintf(a.stderr, "mpdecode: "+format+"\n", args...)
}

// usageError is a complaint about the command line.
func (a *app) usageError(cmd *command, format string, args ...any) int {
	a.complain(format, args...)
	fmt.Fprintf(a.stderr, "try `%s --help`\n", cmd.path())
	return exitUsage
}

// dispatch finds the subcommand, parses the flags and runs it.
func (a *app) dispatch(args []string) int {
	cmd := root
	if len(args) > 0 {
		if c := findCommand(args[0]); c != nil {
			cmd, args = c, args[1:]
		} else if args[0] == "help" {
			return a.help(args[1:])
		}
	}
	flags := pflag.NewFlagSet(cmd.path(), pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {} // ours comes below
	flags.SortFlags = false
	cmd.register(flags, &a.opt)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			cmd.help(a.out, flags)
			return exitClean
		}
		return a.usageError(cmd, "%v", err)
	}
	if a.opt.version {
		fmt.Fprintln(a.out, screen.Version("mpdecode"))
		return exitClean
	}
	a.opt.args = flags.Args()
	if err := a.opt.settle(cmd); err != nil {
		return a.usageError(cmd, "%v", err)
	}
	a.style(a.stdout)
	if a.opt.quiet {
		a.out.Reset(io.Discard)
	}
	return cmd.run(a, cmd)
}

// help is `mpdecode help [COMMAND]`.
func (a *app) help(args []string) int {
	cmd := root
	if len(args) > 0 {
		if cmd = findCommand(args[0]); cmd == nil {
			return a.usageError(root, "no command %q", args[0])
		}
	}
	flags := pflag.NewFlagSet(cmd.path(), pflag.ContinueOnError)
	flags.SortFlags = false
	cmd.register(flags, &a.opt)
	cmd.help(a.out, flags)
	return exitClean
}
