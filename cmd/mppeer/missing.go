package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/mptcp-go/mptcp/peer/lab"
	"github.com/mptcp-go/mptcp/peer/link"
)

// failure complains of err and chooses the exit code.
func (a *app) failure(err error) int {
	var rights *link.PrivilegeError
	var missing *lab.MissingError
	switch {
	case errors.As(err, &rights):
		me, e := os.Executable()
		if e != nil {
			me = "mppeer"
		}
		a.complain("%s needs %s: run it with sudo, give the program the right for good (sudo setcap cap_net_admin,cap_net_raw+ep %s), "+
			"or try it in a network of its own: unshare -Urn %s ...", rights.What, rights.Need, me, strings.Join(os.Args[:min(2, len(os.Args))], " "))
		return exitMissing
	case errors.As(err, &missing):
		a.complain("%v", err)
		return exitMissing
	case errors.Is(err, fs.ErrPermission):
		a.complain("%v", fmt.Errorf("%w: sudo may help", err))
		return exitMissing
	}
	a.complain("%v", err)
	return exitFailed
}
