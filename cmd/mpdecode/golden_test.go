package main

import (
	"fmt"
	"strings"
	"testing"
)

// Each golden file is a session at a terminal: the command, what it printed, what it
// complained, and the exit code.
func TestGolden(t *testing.T) {
	for name, line := range map[string]string{
		"two-subflows":       "csum-oneside.pcap",
		"join-refused":       "joinhmac-corrupt.pcap",
		"checksum-fallback":  "mpfail-single-srv.pcap",
		"syn-stripped":       "fallback-synstrip.pcap",
		"plain":              "fallback-synstrip-srv.pcap",
		"bad-token":          "rst-badtoken.pcap",
		"many":               "malformed-flows.pcap",
		"merged":             "tfo.pcap mpfail-single.pcap mpfail-single-srv.pcap",
		"each":               "--each rst-badtoken.pcap fallback-synstrip.pcap",
		"one-of-many":        "--conn 1 tfo.pcap",
		"show-keys":          "--show-keys --conn 0 tfo.pcap",
		"colour":             "--color always joinhmac-corrupt.pcap",
		"json":               "--json joinhmac-corrupt.pcap",
		"list":               "list -c 40 joinhmac-corrupt.pcap",
		"list-relative":      "list --relative --conn 0 -c 30 mpfail-single-srv.pcap",
		"list-explained":     "list -V -c 20 csum-oneside.pcap",
		"list-keys":          "list -V --show-keys -c 14 csum-oneside.pcap",
		"list-malformed":     "list -V -c 40 malformed-flows.pcap",
		"list-json":          "list --json -V -c 30 joinhmac-corrupt.pcap",
		"list-filter":        "list -Y tcp.options.mptcp.subtype==1 csum-oneside.pcap",
		"verify":             "verify joinhmac-corrupt.pcap",
		"verify-warn":        "verify --fail-on warn fallback-synstrip.pcap",
		"verify-clean":       "verify csum-oneside.pcap",
		"verify-json":        "verify --json mpfail-single-srv.pcap",
		"why":                "why rst-badtoken.pcap",
		"why-one-end":        "why fallback-synstrip.pcap",
		"why-both-ends":      "why fallback-synstrip.pcap fallback-synstrip-srv.pcap",
		"why-payload":        "why mpfail-single.pcap mpfail-single-srv.pcap",
		"why-hmac":           "why joinhmac-corrupt-cli.pcap joinhmac-corrupt.pcap",
		"why-clean":          "why csum-oneside.pcap",
		"why-json":           "why --json fallback-synstrip.pcap fallback-synstrip-srv.pcap",
		"follow-map":         "follow --map --dir a mpfail-single.pcap",
		"follow-map-json":    "follow --map --json --dir b csum-oneside.pcap",
		"stats":              "stats csum-oneside.pcap",
		"stats-json":         "stats --json rst-badtoken.pcap",
		"fields":             "fields mptcp",
		"tshark-fields":      "-r csum-oneside.pcap -Y mptcp -T fields -e frame.number -e mptcp.stream -e tcp.options.mptcp.subtype -E header=y -c 20",
		"tshark-first":       "-r sll2-any.pcap -T fields -e ip.addr -e tcp.port -E occurrence=f -E separator=/s -c 4",
		"tshark-last":        "-r sll2-any.pcap -T fields -e ip.addr -e tcp.port -E occurrence=l -E quote=d -E separator=, -c 4",
		"tshark-aggregator":  "-r sll2-any.pcap -T fields -e ip.addr -e tcp.port -E aggregator=; -c 4",
		"tshark-json":        "-r csum-oneside.pcap -Y mptcp -T json -c 10",
		"tshark-json-fields": "-r csum-oneside.pcap -T json -e ip.src -e tcp.options.mptcp.sendkey -c 11 -Y mptcp",
		"help":               "--help",
		"help-list":          "list --help",
		"help-verify":        "verify --help",
		"help-why":           "why --help",
		"help-follow":        "follow --help",
		"help-stats":         "stats --help",
		"help-fields":        "fields --help",
	} {
		t.Run(name, func(t *testing.T) {
			args := strings.Fields(line)
			for i, arg := range args {
				if strings.Contains(arg, ".pcap") {
					args[i] = file(arg)
				}
			}
			code, stdout, stderr := invoke(nil, args...)
			var b strings.Builder
			fmt.Fprintf(&b, "$ mpdecode %s\n%s", line, stdout)
			if stderr != "" {
				fmt.Fprintf(&b, "[stderr]\n%s", stderr)
			}
			fmt.Fprintf(&b, "[exit code %d]\n", code)
			golden(t, name, strings.ReplaceAll(b.String(), captures+"/", ""))
		})
	}
}
