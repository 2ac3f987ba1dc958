package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// analysis are columns that are tshark's own words, or its analysis.
var analysis = map[string]bool{
	"_ws.col.Protocol": true, "_ws.expert.message": true, "mptcp.master": true, "mptcp.dss.dsn": true,
	"mptcp.dsn": true, "mptcp.rawdsn64": true, "mptcp.ack": true, "mptcp.related_mapping": true,
	"mptcp.reinjection_of": true, "mptcp.reinjected_in": true, "mptcp.dss.infinite_mapping": true,
	"mptcp.dss.missing_mapping": true, "mptcp.connection.echoed_key_mismatch": true,
	"mptcp.connection.missing_algorithm": true, "mptcp.connection.unsupported_algorithm": true,
	"mptcp.analysis.subflows": true,
}

// tshark's command line gives tshark's table. Package fields compares all captures;
// here it is the flags, and mptcp.stream, which the tracker supplies.
func TestFieldsAsTshark(t *testing.T) {
	dir := filepath.Join(sharedCaptures(t), "kernel")
	for _, name := range []string{"csum-oneside.pcap", "join4-paths.pcap", "conns100.pcap", "rmaddr-client.pcap"} {
		oracle, err := os.ReadFile(filepath.Join(dir, "oracle", name+".tshark.tsv"))
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSuffix(string(oracle), "\n"), "\n")
		header := strings.Split(lines[0], "\t")
		args := []string{
			"-n", "-r", filepath.Join(dir, name), "-T", "fields", "-E", "header=y", "-E", "separator=/t",
			"-E", "occurrence=a", "-E", "aggregator=,", "-Y", "tcp",
		}
		var keep []int
		for i, field := range header {
			if !analysis[field] {
				keep = append(keep, i)
				args = append(args, "-e", field)
			}
		}
		code, out, stderr := invoke(nil, args...)
		require.Equal(t, exitClean, code, stderr)
		got := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		require.Len(t, got, len(lines), name)
		for i, line := range lines {
			all := strings.Split(line, "\t")
			have := strings.Split(got[i], "\t")
			for n, k := range keep {
				if header[k] == "mptcp.stream" && all[k] == "" {
					continue // tshark gives the first packet of a connection no number
				}
				require.Equal(t, all[k], have[n], "%s line %d, %s", name, i+1, header[k])
			}
		}
	}
}
