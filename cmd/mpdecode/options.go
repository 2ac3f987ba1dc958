package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/mptcp-go/mptcp/wire"
	"github.com/spf13/pflag"
)

// options is what the command line said. Not every command has every flag.
type options struct {
	args    []string // what is no flag
	files   []string // captures, "-" for the standard input
	version bool

	// Common to all commands that read captures.
	read     []string
	keyText  []string
	keys     []wire.Key
	showKeys bool
	json     bool
	failText string
	failOn   trace.Severity
	neverOn  bool // --fail-on never
	count    int
	each     bool
	quiet    bool
	color    string
	numeric  bool // -n, for tshark's habit: names are never resolved

	conn    int // -1: all
	subflow int // -1: none named

	// The root command.
	all       bool
	filter    string
	format    string
	names     []string
	separator []string
	write     string

	// list
	relative bool
	verbose  bool

	// why
	merge bool

	// follow
	dir    string
	output string
	mapped bool
}

// common registers what every command that reads captures has.
func (o *options) common(f *pflag.FlagSet) {
	o.reading(f)
	o.printing(f)
}

// reading registers what says where packets and keys come from.
func (o *options) reading(f *pflag.FlagSet) {
	f.StringArrayVarP(&o.read, "read", "r", nil, "read `FILE`, as if it were an argument; - is the standard input")
	f.IntVarP(&o.count, "count", "c", 0, "read the first `N` packets only")
	f.StringArrayVar(&o.keyText, "key", nil, "use keys that the capture does not show: `KEYS` is HEX[,HEX] or @FILE with one in a line; repeatable")
	f.BoolVar(&o.showKeys, "show-keys", false, "print keys: whoever has them can join the connection")
}

// printing registers what every command has.
func (o *options) printing(f *pflag.FlagSet) {
	f.BoolVar(&o.json, "json", false, "print JSON Lines")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing; the exit code tells")
	f.StringVar(&o.color, "color", "auto", "use colour: `WHEN` is auto, always or never")
	f.BoolVarP(&o.numeric, "numeric", "n", false, "accepted for tshark's sake: names are never resolved")
	f.BoolVar(&o.version, "version", false, "print the version and exit")
	f.Lookup("numeric").Hidden = true
}

// judging registers what commands have that report findings.
func (o *options) judging(f *pflag.FlagSet) {
	f.StringVar(&o.failText, "fail-on", "error", "exit with 1 on findings of `SEVERITY` or above: info, warn, error, never")
}

// several registers what commands have that take files apart.
func (o *options) several(f *pflag.FlagSet) {
	f.BoolVar(&o.each, "each", false, "treat files apart; without it they are merged by time and duplicates dropped")
}

// one registers the choice of one connection.
func (o *options) one(f *pflag.FlagSet) {
	f.IntVar(&o.conn, "conn", -1, "only connection `N`")
}

// settle checks what flags say and fills in what follows from them.
func (o *options) settle(cmd *command) error {
	o.files = append(slices.Clone(o.read), o.args...)
	if cmd.takesFiles {
		if len(o.files) == 0 {
			return errors.New("no capture named (- is the standard input)")
		}
		if err := o.checkFiles(); err != nil {
			return err
		}
	}
	if o.count < 0 {
		return fmt.Errorf("--count %d: not a number of packets", o.count)
	}
	if o.count == 0 {
		o.count = math.MaxInt
	}
	switch o.failText {
	case "error", "":
		o.failOn = trace.Error
	case "warn":
		o.failOn = trace.Warn
	case "info":
		o.failOn = trace.Info
	case "never":
		o.neverOn = true
	default:
		return fmt.Errorf("--fail-on %q: not one of info, warn, error, never", o.failText)
	}
	if !slices.Contains([]string{"auto", "always", "never"}, o.color) {
		return fmt.Errorf("--color %q: not one of auto, always, never", o.color)
	}
	for _, text := range o.keyText {
		keys, err := readKeys(text)
		if err != nil {
			return err
		}
		o.keys = append(o.keys, keys...)
	}
	return nil
}

// checkFiles catches slips that would otherwise read as odd file errors.
func (o *options) checkFiles() error {
	stdins := 0
	for _, name := range o.files {
		if name == "-" {
			stdins++
		}
		if findCommand(name) != nil {
			if _, err := os.Stat(name); err != nil {
				return fmt.Errorf("the command comes first: `mpdecode %s ...`", name)
			}
		}
	}
	if stdins > 1 {
		return errors.New("the standard input can be read once only")
	}
	return nil
}

// readKeys reads the value of --key.
func readKeys(text string) ([]wire.Key, error) {
	where := "--key"
	words := strings.Split(text, ",")
	if name, ok := strings.CutPrefix(text, "@"); ok {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("--key @%s: %w", name, err)
		}
		where, words = "--key @"+name, nil
		for line := range strings.Lines(string(data)) {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line != "" {
				words = append(words, line)
			}
		}
	}
	var keys []wire.Key
	for i, word := range words {
		digits := strings.TrimPrefix(strings.TrimSpace(word), "0x")
		v, err := strconv.ParseUint(digits, 16, 64)
		if err != nil || len(digits) != 16 {
			// The word itself may be a key with a slip: it is not repeated.
			return nil, fmt.Errorf("%s: number %d is not a key of 16 hexadecimal digits", where, i+1)
		}
		keys = append(keys, wire.Key(v))
	}
	return keys, nil
}
