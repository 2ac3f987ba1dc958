package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/cong"
	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/mptcp-go/mptcp/fsm/sched"
	"github.com/spf13/pflag"
)

// hostOptions are those of a host: what commands have that open a stack.
type hostOptions struct {
	paths     []string
	noMPTCP   bool
	versions  string
	checksum  bool
	subflows  int
	backup    bool
	scheduler string
	cc        string
	keylog    string
	pcap      string
	only4     bool
	only6     bool
}

// host registers them.
func (o *options) host(f *pflag.FlagSet) {
	h := &o.hostOptions
	f.StringArrayVar(&h.paths, "path", nil, "use `LINK`: tun:NAME,ADDR/LEN, raw:IFACE,ADDR/LEN (an address of our own beside the kernel) "+
		"or raw:IFACE (the kernel's addresses); once for each path; LINK,backup is used only when nothing else works")
	f.IntVar(&h.subflows, "subflows", 0, "use `N` subflows at most, 1 to 32: over all paths, or over several ports of a single one; "+
		"by default one for each pair of our addresses and the peer's, 8 at most")
	f.BoolVar(&h.backup, "backup", false, "open every further subflow as a backup")
	f.StringVar(&h.scheduler, "scheduler", "lowest-rtt", "choose the subflow by `NAME`: "+strings.Join(names(schedulers), ", "))
	f.StringVar(&h.cc, "cc", "lia", "control congestion by `NAME`: "+strings.Join(names(congestions), ", "))
	f.BoolVar(&h.checksum, "checksum", true, "ask for DSS checksums; --checksum=false uses them only if the peer asks")
	f.StringVar(&h.versions, "mptcp-version", "both", "speak version `V`: 1 (RFC 8684), 0 (RFC 6824) or both, which offers 1")
	f.BoolVar(&h.noMPTCP, "no-mptcp", false, "be a plain TCP host")
	o.lying(f)
	f.Uint64Var(&o.seed, "seed", 1, "`N` that decides what lies leave to chance (1 by default)")
	f.StringVar(&h.pcap, "pcap", "", "write the packets to `FILE`")
	f.StringVar(&h.keylog, "keylog", "", "append the keys to `FILE`, for mpdecode --key @FILE; who has them can join")
	f.BoolVarP(&h.only4, "ipv4", "4", false, "use IPv4 only")
	f.BoolVarP(&h.only6, "ipv6", "6", false, "use IPv6 only")
	f.BoolVar(&o.json, "json", false, "print events, results and at the end all counters as JSON Lines on stderr; docs/events.md describes them")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing but data and errors")
}

var schedulers = map[string]func() sched.Scheduler{
	"lowest-rtt": sched.NewLowestRTT, "round-robin": sched.NewRoundRobin, "redundant": sched.NewRedundant,
}

var congestions = map[string]func() cong.Group{
	"lia": cong.NewLIA, "olia": cong.NewOLIA, "reno": cong.NewReno, "cubic": cong.NewCubic,
}

var versionSets = map[string]fsm.Versions{"both": fsm.BothVersions, "1": fsm.OnlyV1, "0": fsm.OnlyV0}

func names[T any](m map[string]T) (list []string) {
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// settleHost checks the flags of a host.
func (h *hostOptions) settle() error {
	if h.only4 && h.only6 {
		return errors.New("-4 and -6 exclude each other")
	}
	if h.subflows < 0 || h.subflows > 32 {
		return fmt.Errorf("--subflows %d: want a number from 1 to 32", h.subflows)
	}
	if _, ok := schedulers[h.scheduler]; h.scheduler != "" && !ok {
		return fmt.Errorf("--scheduler %q: not one of %s", h.scheduler, strings.Join(names(schedulers), ", "))
	}
	if _, ok := congestions[h.cc]; h.cc != "" && !ok {
		return fmt.Errorf("--cc %q: not one of %s", h.cc, strings.Join(names(congestions), ", "))
	}
	if _, ok := versionSets[h.versions]; h.versions != "" && !ok {
		return fmt.Errorf("--mptcp-version %q: not one of 0, 1, both", h.versions)
	}
	return nil
}

// network is what package net calls the family.
func (h *hostOptions) network() string {
	switch {
	case h.only4:
		return "tcp4"
	case h.only6:
		return "tcp6"
	}
	return "tcp"
}

// endpoint is the configuration of the protocol for a host with so many addresses.
func (h *hostOptions) endpoint(addrs int) fsm.Config {
	cfg := fsm.Config{Plain: h.noMPTCP, Versions: versionSets[h.versions], NoChecksum: !h.checksum,
		Scheduler: schedulers[h.scheduler], Congestion: congestions[h.cc], MaxSubflows: h.subflows,
		// Room for a fast path with a long round trip; RFC 8684 section 3.3.5.
		SendBuffer: 8 << 20, ReceiveBuffer: 8 << 20}
	switch {
	case h.subflows == 1:
	case h.subflows > 1 && addrs == 1:
		cfg.PathManager = func() pathmgr.Manager { return h.manager(pathmgr.NewDiffPorts(h.subflows)) }
	default:
		cfg.PathManager = func() pathmgr.Manager {
			return h.manager(pathmgr.NewFullMesh(pathmgr.MeshConfig{MaxSubflows: max(0, h.subflows-1)}))
		}
	}
	return cfg
}

func (h *hostOptions) manager(m pathmgr.Manager) pathmgr.Manager {
	if h.backup {
		return backups{m}
	}
	return m
}

// backups has every further subflow opened as a backup.
type backups struct{ pathmgr.Manager }

// Handle implements pathmgr.Manager.
func (b backups) Handle(ev pathmgr.Event) []pathmgr.Action {
	list := b.Manager.Handle(ev)
	for i := range list {
		list[i].Backup = true
	}
	return list
}
