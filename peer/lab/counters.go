//go:build linux

package lab

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Counters reads the MIB counters of the space's kernel by the names that nstat
// gives them: MPTcpExtMPCapableSYNRX, TcpRetransSegs. Those that are zero are there
// too, where the kernel lists them.
func (s *Space) Counters() (map[string]uint64, error) {
	all := map[string]uint64{}
	err := s.Do(func() error {
		for _, name := range []string{"netstat", "snmp"} {
			// /proc/net is that of the process, which is elsewhere.
			text, err := os.ReadFile("/proc/thread-self/net/" + name)
			if err != nil {
				return err
			}
			if err := parseCounters(all, string(text)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
	return all, err
}

// parseCounters reads pairs of lines: a prefix and names, the prefix and values.
func parseCounters(all map[string]uint64, text string) error {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		if len(names) == 0 || len(names) != len(values) || names[0] != values[0] {
			return fmt.Errorf("line %d: names and values do not match", i+1)
		}
		kind := strings.TrimSuffix(names[0], ":")
		for k := 1; k < len(names); k++ {
			n, err := strconv.ParseInt(values[k], 10, 64) // TcpMaxConn is -1
			if err != nil {
				u, err := strconv.ParseUint(values[k], 10, 64)
				if err != nil {
					return err
				}
				all[kind+names[k]] = u
				continue
			}
			all[kind+names[k]] = uint64(n)
		}
	}
	return nil
}
