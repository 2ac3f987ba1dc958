package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/stretchr/testify/require"
)

// invoke runs the program in this process.
func invoke(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &errs, make(chan os.Signal))
	return code, out.String(), errs.String()
}

func TestUsageErrors(t *testing.T) {
	for args, says := range map[string]string{
		"":                                "no command given",
		"nosuch":                          "no command \"nosuch\"",
		"--nosuch":                        "unknown flag: --nosuch",
		"help nosuch":                     "no command \"nosuch\"",
		"demo extra":                      "\"extra\" is too much",
		"demo --do natt":                  "--do \"natt\": natt: no such element",
		"demo --lie hmack":                "--lie \"hmack\": lie: \"hmack\": want some of",
		"demo --lie hmac@soon":            "after=soon: want 3whs",
		"demo --size 0":                   "--size \"0\"",
		"demo --size much":                "--size \"much\"",
		"demo --size 1GiB":                "up to 64MiB",
		"connect":                         "want HOST:PORT",
		"connect host":                    "want HOST:PORT, an IPv6 address in brackets",
		"connect host:":                   "no port",
		"connect a:1 b:2":                 "want HOST:PORT",
		"connect a:65536":                 "no port is \"65536\"",
		"listen :nosuch":                  "no port is \"nosuch\"",
		"listen :80 --http /nosuch":       "--http /nosuch: no such directory",
		"connect a:1 -4 -6":               "exclude each other",
		"connect a:1 --echo --discard":    "exclude each other",
		"connect a:1 --send much":         "want a number of octets",
		"connect a:1 --subflows 33":       "--subflows 33",
		"connect a:1 --scheduler fastest": "not one of lowest-rtt, redundant, round-robin",
		"connect a:1 --cc vegas":          "not one of cubic, lia, olia, reno",
		"connect a:1 --mptcp-version 2":   "not one of 0, 1, both",
		"connect a:1 --lie nothing":       "--lie \"nothing\"",
		"listen 80 --http . --echo":       "exclude each other",
		"middlebox":                       "want --left and --right",
		"middlebox --left raw:lo":         "want --left and --right",
	} {
		code, stdout, stderr := invoke("", strings.Fields(args)...)
		require.Equal(t, exitUsage, code, "%s: %s", args, stderr)
		require.Empty(t, stdout, args)
		require.Contains(t, stderr, says, args)
		require.True(t, strings.HasPrefix(stderr, "mppeer: "), stderr)
		require.Contains(t, stderr, "--help")
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"demo -o nosuch/demo.pcap", exitFailed, "open nosuch/demo.pcap: no such file"},
		{"middlebox --left raw:nosuch0 --right raw:nosuch1", exitFailed, "interface nosuch0"},
		{"connect a:1 --path tun", exitUsage, "want tun:NAME"},
		{"connect a:1 --path raw:nosuch0", exitFailed, "nosuch0"},
		{"listen 80 --path tun:x", exitUsage, "no address of ours"},
		{"middlebox --left tun:x --right raw:nosuch1", exitUsage, "no address of ours"},
	} {
		code, _, stderr := invoke("", strings.Fields(c.args)...)
		require.Equal(t, c.code, code, "%s: %s", c.args, stderr)
		require.Contains(t, stderr, c.says, c.args)
	}
}

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// What could not be written is no success.
func TestOutputFails(t *testing.T) {
	var errs bytes.Buffer
	code := run([]string{"demo", "-o", "-"}, strings.NewReader(""), fullDisk{}, &errs, make(chan os.Signal))
	require.Equal(t, exitFailed, code)
	require.Equal(t, "mppeer: no space left\n", errs.String())
}

// Each word of a command line that is shown survives a shell.
func TestQuoted(t *testing.T) {
	require.Equal(t, `a --do 'strip mptcp' 'it'\''s' '' 10.1.0.1:80 raw:eth0,10.0.0.1/24`,
		quoted([]string{"a", "--do", "strip mptcp", "it's", "", "10.1.0.1:80", "raw:eth0,10.0.0.1/24"}))
}

// Nobody answers: an interrupt ends the wait, and says so.
func TestInterruptedDial(t *testing.T) {
	links := cable(1)
	r := runOver(t, links, nil, "connect", "10.1.1.2:80", "--path", "a1")
	require.Eventually(t, func() bool {
		return links["b1"].(*link.PipeEnd).Stats().Received+links["a1"].(*link.PipeEnd).Stats().Sent > 0
	},
		patience, time.Millisecond)
	r.stop <- os.Interrupt
	r.ends(exitFailed)
	require.Contains(t, r.errors.String(), "mppeer: interrupted: 10.1.1.2:80 has not answered\n")
	require.NotContains(t, r.errors.String(), "context")
}

// Every command has examples, an explanation, and lines that fit a terminal.
func TestHelp(t *testing.T) {
	code, out, _ := invoke("", "--help")
	require.Equal(t, exitClean, code)
	for _, c := range commands {
		require.Contains(t, out, "  "+c.name+" ")
		code, help, stderr := invoke("", c.name, "--help")
		require.Equal(t, exitClean, code)
		require.Empty(t, stderr)
		require.True(t, strings.HasPrefix(help, "Examples:\n  "), help)
		require.Contains(t, help, "Usage: mppeer "+c.name)
		require.Contains(t, help, "Exit codes:")
		for line := range strings.Lines(help) {
			if !strings.HasPrefix(line, "  nat ") {
				require.LessOrEqual(t, len(line), 112, line)
			}
		}
		_, same, _ := invoke("", "help", c.name)
		require.Equal(t, help, same)
	}
	_, version, _ := invoke("", "--version")
	require.True(t, strings.HasPrefix(version, "mppeer "), version)
}
