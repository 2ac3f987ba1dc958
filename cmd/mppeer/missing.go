package main

import (
	"errors"

	"github.com/mptcp-go/mptcp/peer/lab"
	"github.com/mptcp-go/mptcp/peer/link"
)

// lacking reports whether err says that rights or tools are missing.
func lacking(err error) bool {
	var rights *link.PrivilegeError
	var missing *lab.MissingError
	return errors.As(err, &rights) || errors.As(err, &missing)
}
