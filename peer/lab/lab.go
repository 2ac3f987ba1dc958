//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// prefix begins the name of every namespace of every lab; the process id and a
// number follow: mplab-4711-1-client.
const prefix = "mplab-"

// netnsDir is where ip netns keeps the namespaces that have a name.
const netnsDir = "/run/netns"

// Lab is a set of spaces and the links between them. Its methods may be called from
// several goroutines.
type Lab struct {
	mu     sync.Mutex
	name   string // prefix of its spaces' names
	spaces []*Space
	err    error
	closed bool
	fail   func(error) // of a test
}

var labs struct {
	made atomic.Uint32
	mu   sync.Mutex
	open map[*Lab]bool
}

// New returns an empty lab, after it removed what labs of dead processes left. The
// error is a *MissingError.
func New() (*Lab, error) {
	if err := Check(); err != nil {
		return nil, err
	}
	removeLeftovers()
	l := &Lab{name: fmt.Sprintf("%s%d-%d-", prefix, os.Getpid(), labs.made.Add(1))}
	labs.mu.Lock()
	defer labs.mu.Unlock()
	if labs.open == nil {
		labs.open = map[*Lab]bool{}
	}
	labs.open[l] = true
	return l, nil
}

// Err is the first thing that went wrong while the lab was built.
func (l *Lab) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// failed keeps the first error.
func (l *Lab) failed(err error) {
	if err == nil {
		return
	}
	l.mu.Lock()
	first := l.err == nil
	if first {
		l.err = err
	}
	fail := l.fail
	l.mu.Unlock()
	if first && fail != nil {
		fail(err)
	}
}

// ip runs the ip command with words of text, unless something failed before.
func (l *Lab) ip(format string, args ...any) {
	if l.Err() == nil {
		l.failed(ip(fmt.Sprintf(format, args...)))
	}
}

func ip(text string) error {
	args := strings.Fields(text)
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return commandError(append([]string{"ip"}, args...), out, err)
	}
	return nil
}

// Space adds a network namespace with its loopback interface up. Its name is for
// Space.Name and for messages. Reverse-path filters, which drop what a second path
// brings, are off there.
func (l *Lab) Space(name string) *Space {
	s := &Space{lab: l, label: name, name: l.name + name}
	l.ip("netns add %s", s.name)
	if l.Err() != nil {
		return s
	}
	l.mu.Lock()
	l.spaces = append(l.spaces, s)
	l.mu.Unlock()
	l.failed(s.enter())
	s.ip("link set lo up")
	s.Sysctl("net.ipv4.conf.all.rp_filter", "0")
	s.Sysctl("net.ipv4.conf.default.rp_filter", "0")
	return s
}

// Spaces are the namespaces of the lab, in the order they were made.
func (l *Lab) Spaces() []*Space {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.spaces)
}

// Dev is one end of a link: an interface of a space with its addresses.
type Dev struct {
	space *Space
	name  string
	addrs []string
}

// Dev names an interface for Link: its name, of at most 15 octets, and its addresses
// as 10.0.0.1/24 or fd00::1/64. Without addresses it is up and silent: no IPv6 of its
// own, which is what a middlebox wants.
func (s *Space) Dev(name string, addrs ...string) Dev { return Dev{s, name, addrs} }

// Link joins two interfaces with a veth pair. It returns when the kernel answers for all
// their addresses; duplicates are not looked for.
func (l *Lab) Link(a, b Dev) {
	l.ip("link add %s netns %s type veth peer name %s netns %s", a.name, a.space.name, b.name, b.space.name)
	for _, d := range []Dev{a, b} {
		d.space.Sysctl("net.ipv6.conf."+d.name+".accept_dad", "0")
		if len(d.addrs) == 0 {
			d.space.Sysctl("net.ipv6.conf."+d.name+".disable_ipv6", "1")
		}
		for _, addr := range d.addrs {
			d.space.Addr(d.name, addr)
		}
	}
	a.space.ip("link set %s up", a.name)
	b.space.ip("link set %s up", b.name)
	for _, d := range []Dev{a, b} {
		if l.Err() == nil {
			l.failed(d.ready())
		}
	}
}

// ready waits until IPv6 works on an interface. The kernel begins with it when it hears
// that there is a carrier, about which it tells itself once a second; to be asked for the
// state of the interface makes it catch up. Until then it answers no solicitation, and has
// no link-local address.
func (d Dev) ready() error {
	if !slices.ContainsFunc(d.addrs, func(a string) bool { return strings.Contains(a, ":") }) {
		return nil
	}
	d.space.ip("link show dev %s", d.name)
	for range 3000 {
		var list []byte
		if err := d.space.Do(func() (err error) { list, err = os.ReadFile("/proc/thread-self/net/if_inet6"); return err }); err != nil {
			return err
		}
		if hasLinkLocal(string(list), d.name) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("%s: IPv6 does not begin on %s", d.space, d.name)
}

// hasLinkLocal finds a link-local address of an interface, one that is not tentative, in the
// kernel's list: address, index, prefix length, scope, flags, name.
func hasLinkLocal(list, dev string) bool {
	const tentative = 0x40
	for line := range strings.Lines(list) {
		f := strings.Fields(line)
		if len(f) != 6 || f[5] != dev || !strings.HasPrefix(f[0], "fe80") {
			continue
		}
		flags, err := strconv.ParseUint(f[4], 16, 32)
		return err == nil && flags&tentative == 0
	}
	return false
}

// Close takes the lab down: its commands are killed, its namespaces removed. It may
// be called more than once.
func (l *Lab) Close() error {
	l.mu.Lock()
	spaces, closed := l.spaces, l.closed
	l.spaces, l.closed = nil, true
	if l.err == nil {
		l.err = errors.New("the lab is closed")
	}
	l.mu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	for _, s := range spaces {
		errs = append(errs, s.close())
	}
	labs.mu.Lock()
	delete(labs.open, l)
	labs.mu.Unlock()
	return errors.Join(errs...)
}

// closeAll takes every lab of this process down.
func closeAll() {
	labs.mu.Lock()
	var all []*Lab
	for l := range labs.open {
		all = append(all, l)
	}
	labs.mu.Unlock()
	for _, l := range all {
		_ = l.Close()
	}
}

// removeLeftovers removes the namespaces of labs whose process is gone.
func removeLeftovers() {
	entries, err := os.ReadDir(netnsDir)
	if err != nil {
		return // nothing was ever there
	}
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), prefix)
		if !ours {
			continue
		}
		number, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(number)
		if err != nil || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = ip("netns delete " + e.Name())
		}
	}
}
