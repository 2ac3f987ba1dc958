//go:build linux

package lab

import (
	"errors"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// Check reports whether a lab can be built here and the given commands are
// installed. The error is a *MissingError.
func Check(tools ...string) error {
	if !privileged() {
		return &MissingError{What: "root", Help: "network namespaces need root: run it with sudo" +
			" (or inside `unshare -Urnm sh -c 'mount -t tmpfs lab /run && exec \"$0\" \"$@\"' COMMAND...`)"}
	}
	for _, tool := range append([]string{"ip"}, tools...) {
		if _, err := exec.LookPath(tool); err != nil {
			return &MissingError{What: tool, Help: "the command " + tool + " is missing: install the package " + packageOf(tool)}
		}
	}
	return nil
}

// CheckMPTCP reports whether this kernel speaks Multipath TCP. The error is a
// *MissingError.
func CheckMPTCP() error {
	if _, err := os.Stat("/proc/sys/net/mptcp/enabled"); err != nil {
		return &MissingError{What: "mptcp", Help: "this kernel has no Multipath TCP (no /proc/sys/net/mptcp): one with CONFIG_MPTCP is needed"}
	}
	return nil
}

// packageOf is the Debian package that a command comes from.
func packageOf(tool string) string {
	switch tool {
	case "ip", "ss", "tc", "nstat", "bridge":
		return "iproute2"
	case "nft":
		return "nftables"
	case "ab":
		return "apache2-utils"
	}
	return tool
}

// privileged reports whether this process may make namespaces and mount them.
func privileged() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return false
	}
	const need = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_SYS_ADMIN
	return data[0].Effective&need == need
}

// commandError makes one error of a failed command and what it said.
func commandError(args []string, out []byte, err error) error {
	text := strings.TrimSpace(string(out))
	if text == "" {
		text = err.Error()
	}
	return errors.New(strings.Join(args, " ") + ": " + text)
}
