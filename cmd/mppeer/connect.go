package main

import (
	"context"
	"errors"

	"github.com/spf13/pflag"
)

func connectCommand() *command {
	return &command{
		name:  "connect",
		usage: "HOST:PORT [flags]",
		args:  1,
		short: "open a connection and join it to stdin and stdout",
		examples: `
			sudo mppeer connect server.example:80 <request >answer
			sudo mppeer connect 10.99.1.2:5000 --path raw:eth0 --path raw:eth1    two subflows
			sudo mppeer connect 10.9.0.1:5000 --path tun:tun0,10.9.0.2/24 --send 200MB
			sudo mppeer connect 10.9.0.1:5000 --path tun:tun0,10.9.0.2/24 --lie checksum@100KB --pcap lie.pcap`,
		text: `Opens a Multipath TCP connection from user space and joins it to the standard input and
output, as netcat does: the end of the input closes our direction, the program ends with the
peer's. At the end it says on stderr whether it was Multipath TCP, or why not. The first
Ctrl-C closes, the second sends MP_FASTCLOSE. Without --path the packet socket of the
interface that leads there is used, with the kernel's addresses.`,
		more: lieHelp,
		flags: func(f *pflag.FlagSet, o *options) {
			o.pump(f)
			o.host(f)
		},
		run: (*app).connect,
	}
}

func (a *app) connect(cmd *command) int {
	to, err := hostPort(a.opt.args[0], "")
	if err != nil {
		return a.usageError(cmd, "%v", err)
	}
	a.live = a.showsStatus()
	h, err := a.openHost(to)
	if err != nil {
		return a.failure(err)
	}
	s := a.newSessions(h)
	s.dialling.Store(&to)
	conn, err := h.Dial(s.ctx, a.opt.network(), to)
	s.dialling.Store(nil)
	switch {
	case err == nil:
		err = s.serve(conn, true, a.work)
	case errors.Is(err, context.Canceled):
		a.complain("interrupted: %s has not answered", to)
	default:
		a.complain("%v", err)
	}
	if e := s.end(); e != nil {
		return a.failure(e)
	}
	if err != nil {
		return exitFailed
	}
	return exitClean
}
