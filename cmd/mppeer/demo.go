package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mptcp-go/mptcp/cmd/internal/screen"
	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/spf13/pflag"
)

func demoCommand() *command {
	return &command{
		name:  "demo",
		usage: "[--do ELEMENT]... [-o FILE]",
		short: "two hosts, two paths and a middlebox in memory; needs no rights",
		examples: `
			mppeer demo                                    a box forgets its manners in mid-transfer
			mppeer demo --do 'strip mptcp on=synack'       why is it plain TCP?
			mppeer demo --do 'payload flip after=50000B'   a box that changes the payload
			mppeer demo --lie hmac                         a client that cannot prove what it knows
			mppeer demo --do 'split 500' --do 'link loss=2%' --all`,
		text: `Two hosts with two paths between them, in memory and on virtual time: the client opens a
connection on the first path, joins on the second one, and both sides send a stream. The
middleboxes of --do stand on the first path. What happens is told as it happens; the
packets that arrive at the server are written to a capture for mpdecode to judge. The same
flags give the same octets.`,
		more: elementsHelp,
		flags: func(f *pflag.FlagSet, o *options) {
			o.boxes(f, "put a middlebox on the first path ('strip mptcp after=100KB' by default)")
			f.StringVar(&o.amount, "size", "200KB", "octets to send each way: `SIZE` as 5000, 64KiB, 2MB")
			f.StringVarP(&o.output, "output", "o", "demo.pcap", "write the capture to `FILE`; - writes none")
			o.lying(f)
			f.BoolVar(&o.all, "all", false, "show every segment and every edit")
			f.BoolVar(&o.onePath, "one-path", false, "have no second path")
		},
		run: (*app).demo,
	}
}

// demoBox is what happens unless --do says otherwise: a route changes, and options no
// longer pass (paper section 3.3.6).
const demoBox = "strip mptcp after=100KB"

func (a *app) demo(cmd *command) int {
	if len(a.opt.do)+len(a.opt.lies) == 0 {
		a.opt.do = []string{demoBox}
	}
	els, err := a.opt.elements()
	if err != nil {
		return a.usageError(cmd, "%v", err)
	}
	lies, err := a.opt.liars(2)
	if err != nil {
		return a.usageError(cmd, "%v", err)
	}
	size, err := netsim.ParseOctets(a.opt.amount)
	if err != nil || size == 0 || size > 64<<20 {
		return a.usageError(cmd, "--size %q: want a number of octets up to 64MiB", a.opt.amount)
	}
	d := &demoWorld{story: story{w: bufio.NewWriter(a.stdout), all: a.opt.all, width: columnsOf(a.stdout)}, size: size}
	if name := a.opt.output; name != "-" {
		f, err := os.Create(name)
		if err != nil {
			return a.failure(err)
		}
		buffered := bufio.NewWriter(f)
		d.pcap = netsim.NewPcap(buffered)
		defer func() {
			buffered.Flush()
			f.Close()
		}()
	}
	if err := d.build(a.opt.seed, els, lies, !a.opt.onePath); err != nil {
		return a.failure(err)
	}
	fmt.Fprintf(d.story.w, "Two hosts in memory; time is virtual, seed %d.\n", a.opt.seed)
	for i, p := range d.paths {
		var names []string
		for _, el := range p.Elements() {
			if el.String() != "tap" {
				names = append(names, el.String())
			}
		}
		fmt.Fprintf(d.story.w, "  path %d  %s --[ %s ]-- %s\n", i+1, clientAddrs[i], strings.Join(names, " ]-[ "), serverAddrs[i])
	}
	fmt.Fprintln(d.story.w)
	err = d.run()
	d.summary()
	if d.pcap != nil {
		if e := d.pcap.Err(); e != nil {
			err = e
		} else {
			fmt.Fprintf(d.story.w, "\nThe packets are in %s. What an analyser makes of them:\n\n  mpdecode %s\n  mpdecode why %s\n  mpdecode list %s\n",
				a.opt.output, a.opt.output, a.opt.output, a.opt.output)
		}
	}
	if e := d.story.w.Flush(); err == nil {
		err = e
	}
	if err != nil {
		return a.failure(err)
	}
	return exitClean
}

// columnsOf is how wide a line may be.
func columnsOf(w io.Writer) int {
	n, is := screen.Terminal(w)
	if !is {
		return 132
	}
	return max(n, 72)
}

func octets(n int) string { return screen.Group(n) + " octets" }
