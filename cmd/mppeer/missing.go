package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/mptcp-go/mptcp/peer/lab"
	"github.com/mptcp-go/mptcp/peer/link"
)

// failure complains of err and chooses the exit code.
func (a *app) failure(err error) int {
	var rights *link.PrivilegeError
	var missing *lab.MissingError
	var spec *link.SpecError
	switch {
	case errors.As(err, &spec):
		a.complain("%v", err)
		return exitUsage
	case errors.As(err, &rights):
		a.complain("%s", helpWith(rights, program(), os.Args))
		return exitMissing
	case errors.As(err, &missing) && missing.What == "root":
		a.complain("namespaces need root: run `sudo %s`, or without any rights `%s`", quoted(os.Args), ownNamespaces(append([]string{program()}, os.Args[1:]...)))
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

// program is this program's file, as another directory sees it.
func program() string {
	me, err := os.Executable()
	if err != nil {
		return "mppeer"
	}
	return me
}

// helpWith says what to do where rights are missing for what args, a whole command line, are
// to do. Each command in it works as it stands.
func helpWith(rights *link.PrivilegeError, me string, args []string) string {
	if rights.Help != "" {
		return fmt.Sprintf("%s needs %s: %s", rights.What, rights.Need, rights.Help)
	}
	text := fmt.Sprintf("%s needs %s: run `sudo %s`, or give the program the right for good with `sudo setcap cap_net_admin,cap_net_raw+ep %s`",
		rights.What, rights.Need, quoted(args), quoted([]string{me}))
	command := append([]string{me}, args[1:]...)
	if slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, "tun:") }) {
		return text + fmt.Sprintf("; in a network of its own, with nothing else in it, it needs no rights: `unshare -Urn %s`", quoted(command))
	}
	// Of the interfaces here there is none in a new namespace.
	return text + fmt.Sprintf("; a network to play in needs no rights: `%s`", ownNamespaces([]string{me, "lab"}))
}

// ownNamespaces runs a command where it may make network namespaces and name them.
func ownNamespaces(args []string) string {
	return `unshare -Urnm sh -c 'mount -t tmpfs lab /run && exec "$0" "$@"' ` + quoted(args)
}

// quoted is a command line for a shell.
func quoted(args []string) string {
	var words []string
	for _, w := range args {
		if w == "" || strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+[]") != "" {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}
