//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/mptcp-go/mptcp/peer/bump"
	"github.com/mptcp-go/mptcp/peer/lab"
	"github.com/spf13/pflag"
)

func labCommand() *command {
	return &command{
		name:  "lab",
		usage: "[flags]",
		short: "build a network of namespaces to play in",
		examples: `
			sudo mppeer lab                                      two hosts, two paths, until Ctrl-C
			sudo mppeer lab --do 'strip mptcp after=3whs'        with a middlebox on the first path`,
		text: `Builds two network namespaces, client and server, that two links join. The kernels in
them speak Multipath TCP, over both links; on the first one stands the middlebox of --do, a
bump in the wire whose edits are printed. What to type is printed, too. Ctrl-C takes all of
it down. What a lab left that was killed the hard way, the next one removes.`,
		more: elementsHelp,
		flags: func(f *pflag.FlagSet, o *options) {
			o.boxes(f, "put a middlebox on the first path")
			f.BoolVar(&o.json, "json", false, "print edits as JSON Lines")
			f.BoolVarP(&o.quiet, "quiet", "q", false, "print no edits")
		},
		run: (*app).lab,
	}
}

func (a *app) lab(*command) int {
	l, err := lab.New()
	if err == nil {
		err = lab.CheckMPTCP()
	}
	if err != nil {
		return a.failure(err)
	}
	defer l.Close()
	client, box, server := l.Space("client"), l.Space("box"), l.Space("server")
	l.Link(client.Dev("eth0", "10.99.1.1/24", "fd00:99:1::1/64"), box.Dev("left"))
	l.Link(box.Dev("right"), server.Dev("eth0", "10.99.1.2/24", "fd00:99:1::2/64"))
	l.Link(client.Dev("eth1", "10.99.2.1/24", "fd00:99:2::1/64"), server.Dev("eth1", "10.99.2.2/24", "fd00:99:2::2/64"))
	client.Endpoint("10.99.2.1 dev eth1 subflow")
	client.Endpoint("fd00:99:2::1 dev eth1 subflow")
	client.Limits(4, 4)
	server.Limits(4, 4)
	if err := l.Err(); err != nil {
		return a.failure(err)
	}
	var left, right bump.End
	if err := box.Do(func() (err error) { left, right, err = bump.Taps("left", "right"); return err }); err != nil {
		return a.failure(err)
	}
	fmt.Fprint(a.stdout, labGuide(client.Name(), server.Name()))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-a.stop
		cancel()
	}()
	code := a.runBox(ctx, left, right)
	if err := l.Close(); err != nil {
		return a.failure(err)
	}
	a.say("the lab is taken down")
	return code
}

// inUserNamespace reports whether we are root in a namespace of our own only.
func inUserNamespace() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	f := strings.Fields(string(text))
	return err == nil && !slices.Equal(f, []string{"0", "0", "4294967295"})
}

// labGuide says what to type.
func labGuide(client, server string) string {
	me, who, enter := program(), "as root", ""
	if inUserNamespace() { // where nobody else sees the names of namespaces
		who, enter = "as the same user", fmt.Sprintf("nsenter -t %d -U -m --preserve-credentials ", os.Getpid())
	}
	return strings.NewReplacer("CLIENT", enter+"ip netns exec "+client, "SERVER", enter+"ip netns exec "+server,
		"MPPEER", me, "WHO", who).Replace(`
  client                                              server
  eth0 10.99.1.1/24 fd00:99:1::1/64 ---[ middlebox ]--- eth0 10.99.1.2/24 fd00:99:1::2/64
  eth1 10.99.2.1/24 fd00:99:2::1/64 ------------------- eth1 10.99.2.2/24 fd00:99:2::2/64

In other terminals, WHO:

  a shell on either host
    CLIENT bash
    SERVER bash

  two kernels, two subflows: the server, which stays, and its clients
    SERVER mptcpize run socat TCP-LISTEN:5000,fork,reuseaddr EXEC:cat
    CLIENT mptcpize run socat - TCP:10.99.1.2:5000
    CLIENT ss -Mni

  mppeer as the client, on both paths
    CLIENT MPPEER connect 10.99.1.2:5000 --path raw:eth0 --path raw:eth1 --send 20MB

  mppeer as the server, beside the kernel, with addresses of its own
    SERVER MPPEER listen :8080 --echo --path raw:eth0,10.99.1.3/24 --path raw:eth1,10.99.2.3/24
    CLIENT mptcpize run socat - TCP:10.99.1.3:8080

  what the wire carries
    CLIENT tcpdump -i any -U -w /tmp/lab.pcap tcp

Ctrl-C takes the lab down.

`)
}
