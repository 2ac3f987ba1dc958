package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/peer"
	"github.com/mptcp-go/mptcp/peer/bump"
	"github.com/mptcp-go/mptcp/peer/link"
)

// host is a stack with what was opened for it.
type host struct {
	*peer.Stack
	app    *app
	files  []*outFile
	lies   counter
	closed bool
}

// outFile is a file that is written through a buffer.
type outFile struct {
	name string
	f    *os.File
	mu   sync.Mutex
	w    *bufio.Writer
}

func (o *outFile) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

func (o *outFile) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Flush()
}

// openHost opens links and the stack over them. remote, "host:port", chooses the
// interface where no path was named; empty: all of them.
func (a *app) openHost(remote string) (_ *host, err error) {
	specs := a.opt.paths
	if len(specs) == 0 {
		if specs, err = a.defaultPaths(remote); err != nil {
			return nil, err
		}
	}
	h := &host{app: a}
	defer func() {
		if err != nil {
			h.shut()
		}
	}()
	var links []link.Link
	var backup []bool
	addrs := 0
	for _, spec := range specs {
		spec, spare := backupPath(spec)
		backup = append(backup, spare)
		l, err := a.openLink(spec)
		if err != nil {
			for _, l := range links {
				l.Close()
			}
			return nil, err
		}
		links = append(links, l)
		addrs = max(addrs, len(links), families(l.Addrs()))
	}
	cfg := peer.Config{Endpoint: a.opt.endpoint(addrs), Events: a.events}
	if a.opt.keylog != "" {
		f, err := h.create(a.opt.keylog, os.O_CREATE|os.O_WRONLY|os.O_APPEND)
		if err != nil {
			return nil, errors.Join(err, closeLinks(links))
		}
		cfg.KeyLog = f
	}
	var tap *pcapTap
	if a.opt.pcap != "" {
		if tap, err = h.openPcap(a.opt.pcap); err != nil {
			return nil, errors.Join(err, closeLinks(links))
		}
	}
	if h.Stack, err = peer.New(cfg); err != nil {
		return nil, errors.Join(err, closeLinks(links))
	}
	lies, err := a.opt.liars(len(links))
	if err != nil {
		return nil, err
	}
	for i, l := range links {
		// The capture shows what is on the wire, lies included.
		if tap != nil {
			l = bump.Watch(l, tap.see(i))
		}
		if len(lies[i]) > 0 {
			l = bump.Wrap(l, bump.Config{Elements: lies[i], Seed: a.opt.seed, Log: h.lied})
		}
		add := h.AddLink
		if backup[i] {
			add = h.AddBackupLink
		}
		if err := add(l); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// backupPath takes the word backup out of LINK,backup.
func backupPath(path string) (spec string, backup bool) {
	fields := strings.Split(path, ",")
	n := len(fields)
	fields = slices.DeleteFunc(fields, func(f string) bool { return f == "backup" })
	return strings.Join(fields, ","), len(fields) < n
}

func closeLinks(links []link.Link) error {
	for _, l := range links {
		l.Close()
	}
	return nil
}

// families is how many addresses of one family there are at most.
func families(list []netip.Prefix) int {
	n4 := 0
	for _, a := range list {
		if a.Addr().Is4() {
			n4++
		}
	}
	return max(n4, len(list)-n4)
}

// lied tells of a lie.
func (h *host) lied(e netsim.Entry) {
	h.lies.add(1)
	h.app.record("lie", record{"element": e.Element, "text": e.Text}, e.Text)
}

// create opens a file to write to.
func (h *host) create(name string, mode int) (*outFile, error) {
	f, err := os.OpenFile(name, mode, 0o600)
	if err != nil {
		return nil, err
	}
	o := &outFile{name: name, f: f, w: bufio.NewWriterSize(f, 64<<10)}
	h.files = append(h.files, o)
	return o, nil
}

// pcapTap writes packets of all links to one file.
type pcapTap struct {
	mu  sync.Mutex
	w   *pcap.Writer
	err error
}

func (h *host) openPcap(name string) (*pcapTap, error) {
	f, err := h.create(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	opts := pcap.WriterOptions{Format: pcap.PCAP, Nanos: true, Link: pcap.LinkRaw}
	if strings.HasSuffix(name, ".pcapng") {
		opts = pcap.WriterOptions{Format: pcap.PCAPNG, Application: "mppeer"}
	}
	w, err := pcap.NewWriter(f, opts)
	if err != nil {
		return nil, err
	}
	return &pcapTap{w: w}, nil
}

// see returns what is told of the packets of a link.
func (t *pcapTap) see(number int) func(time.Time, netsim.Dir, *link.Packet) {
	return func(at time.Time, dir netsim.Dir, p *link.Packet) {
		t.mu.Lock()
		defer t.mu.Unlock()
		flags := pcap.Flags(pcap.Inbound)
		if dir == netsim.Forward {
			flags = pcap.Flags(pcap.Outbound)
		}
		data := p.Data
		if len(p.Tail) > 0 {
			data = append(append(make([]byte, 0, p.Len()), p.Data...), p.Tail...)
		}
		err := t.w.WriteFrame(&pcap.Frame{Nanos: at.UnixNano(), HasTime: true, Link: pcap.LinkRaw, Iface: number, Len: len(data), Flags: flags, Data: data})
		if t.err == nil {
			t.err = err
		}
	}
}

// flush brings what was written so far to the files.
func (h *host) flush() {
	for _, f := range h.files {
		_ = f.flush() // shut tells of errors
	}
}

// shut closes the stack, which resets what is still open, and the files.
func (h *host) shut() error {
	if h.closed {
		return nil
	}
	h.closed = true
	var errs []error
	if h.Stack != nil {
		errs = append(errs, h.Stack.Close())
	}
	for _, f := range h.files {
		errs = append(errs, f.flush(), f.f.Close())
	}
	return errors.Join(errs...)
}

// defaultPaths are the packet sockets to use where no path was named: the interface
// that leads to remote, and the others too where several subflows are wanted or there
// is no remote.
func (a *app) defaultPaths(remote string) ([]string, error) {
	first := ""
	if remote != "" {
		c, err := net.Dial("udp"+a.opt.network()[3:], remote) // no packet is sent
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // that it was a socket for datagrams is of no one's interest
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", remote, err)
		}
		from := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		c.Close()
		if first, err = interfaceOf(from); err != nil {
			return nil, err
		}
		if a.opt.subflows < 2 {
			return []string{"raw:" + first}, nil
		}
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var specs []string
	if first != "" {
		specs = append(specs, "raw:"+first)
	}
	for _, i := range all {
		if addrs, err := i.Addrs(); i.Name != first && i.Flags&net.FlagUp != 0 && len(i.HardwareAddr) == 6 && err == nil && len(addrs) > 0 {
			specs = append(specs, "raw:"+i.Name)
		}
	}
	if len(specs) == 0 {
		return nil, errors.New("no Ethernet interface is up: name a path, such as --path tun:tun0,10.9.0.2/24")
	}
	return specs, nil
}

// interfaceOf names the Ethernet interface with an address.
func interfaceOf(a netip.Addr) (string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return "", err
	}
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, n := range addrs {
			p, err := netip.ParsePrefix(n.String())
			if err != nil || p.Addr().WithZone("") != a.WithZone("") {
				continue
			}
			if i.Flags&net.FlagLoopback != 0 {
				return "", errors.New("the way there is the loopback interface, which packet sockets cannot share: name a path, such as --path tun:tun0,10.9.0.2/24")
			}
			return i.Name, nil
		}
	}
	return "", fmt.Errorf("no interface has the address %v", a)
}
