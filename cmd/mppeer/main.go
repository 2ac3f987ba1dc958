// Command mppeer is a Multipath TCP host in user space, and what one wants around it:
// netcat over the stack of this project, a forwarder for unmodified programs, a
// middlebox for live traffic, a lab of network namespaces, and a demonstration that
// needs no rights. See `mppeer --help`.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/mptcp-go/mptcp/cmd/internal/screen"
	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/spf13/pflag"
)

// Exit codes.
const (
	exitClean   = 0
	exitFailed  = 1 // a connection failed, or something did not work
	exitUsage   = 2
	exitMissing = 3 // rights, tools or a feature of the system are missing
)

func main() {
	stop := make(chan os.Signal, 4)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, stop))
}

// run is the whole program but for the process it lives in.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer, stop <-chan os.Signal) int {
	return newApp(stdin, stdout, stderr, stop).dispatch(args)
}

func newApp(stdin io.Reader, stdout, stderr io.Writer, stop <-chan os.Signal) *app {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, stop: stop, openLink: link.Open}
	a.width, a.terminal = screen.Terminal(stderr)
	return a
}

// app is one run of the program.
type app struct {
	stdin    io.Reader
	stdout   io.Writer
	stop     <-chan os.Signal // interrupts
	openLink func(spec string) (link.Link, error)
	opt      options
	width    int  // columns of the terminal
	terminal bool // stderr is one
	live     bool // a status line is drawn
	track    atomic.Pointer[tracker]

	interrupted <-chan struct{} // closed by the first interrupt

	mu     sync.Mutex // of what follows
	stderr io.Writer
	status string // the line on the terminal that is drawn over
}

// say tells people, above the status line.
func (a *app) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	switch {
	case a.opt.quiet:
	case a.opt.json:
		a.print("note", record{"text": text})
	default:
		a.line(text)
	}
}

// complain tells of what went wrong.
func (a *app) complain(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if a.opt.json {
		a.print("error", record{"text": text})
		return
	}
	a.line("mppeer: " + text)
}

// line writes a line to stderr, above the status line.
func (a *app) line(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clear()
	fmt.Fprintln(a.stderr, text)
	a.redraw()
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
			cmd.help(a.stdout, flags)
			return exitClean
		}
		return a.usageError(cmd, "%v", err)
	}
	if a.opt.version {
		fmt.Fprintln(a.stdout, screen.Version("mppeer"))
		return exitClean
	}
	if cmd == root {
		if flags.NArg() > 0 {
			return a.usageError(cmd, "no command %q", flags.Arg(0))
		}
		return a.usageError(cmd, "no command given")
	}
	if n := flags.NArg(); n > cmd.args {
		return a.usageError(cmd, "%q is too much: want %s", flags.Arg(cmd.args), cmd.usage)
	} else if n < cmd.args {
		return a.usageError(cmd, "want %s", cmd.usage)
	}
	a.opt.args = flags.Args()
	if err := a.opt.settle(); err != nil {
		return a.usageError(cmd, "%v", err)
	}
	return cmd.run(a, cmd)
}

// help is `mppeer help [COMMAND]`.
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
	cmd.help(a.stdout, flags)
	return exitClean
}
