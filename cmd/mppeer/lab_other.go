//go:build !linux

package main

import "github.com/spf13/pflag"

func labCommand() *command {
	return &command{
		name:  "lab",
		usage: "[flags]",
		short: "build a network of namespaces to play in (Linux only)",
		text:  "Network namespaces exist on Linux only.",
		flags: func(*pflag.FlagSet, *options) {},
		run: func(a *app, _ *command) int {
			a.complain("network namespaces exist on Linux only")
			return exitMissing
		},
	}
}
