//go:build linux

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Space is one network namespace.
type Space struct {
	lab         *Lab
	label, name string

	mu     sync.Mutex
	starts chan func() // to the thread that starts commands; nil when closed
	procs  map[*Proc]bool
}

// Name is what `ip netns exec` knows the namespace by.
func (s *Space) Name() string { return s.name }

func (s *Space) String() string { return s.label }

// Lab is what the space is part of.
func (s *Space) Lab() *Lab { return s.lab }

// file is the namespace itself.
func (s *Space) file() string { return filepath.Join(netnsDir, s.name) }

// Do runs f on a thread inside the namespace and returns its error. Sockets that f
// opens belong to the namespace for ever; goroutines that it starts run outside.
func (s *Space) Do(f func() error) error {
	result := make(chan error, 1)
	go func() {
		// Never unlocked: the thread, which is in the wrong namespace for anyone
		// else, ends with the goroutine.
		runtime.LockOSThread()
		var err error
		defer func() { result <- err }()
		if err = setns(s.file()); err == nil {
			err = fmt.Errorf("%s: the function did not return", s) // runtime.Goexit
			err = f()
		}
	}()
	return <-result
}

func setns(file string) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: file, Err: err}
	}
	defer unix.Close(fd)
	return os.NewSyscallError("setns", unix.Setns(fd, unix.CLONE_NEWNET))
}

// enter starts the thread that starts the space's commands. It must outlive them:
// PR_SET_PDEATHSIG fires when the parent's thread ends, not its process.
func (s *Space) enter() error {
	starts := make(chan func())
	ready := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := setns(s.file())
		ready <- err
		if err != nil {
			return
		}
		for f := range starts {
			f()
		}
	}()
	if err := <-ready; err != nil {
		return err
	}
	s.starts = starts
	return nil
}

// ip runs the ip command inside.
func (s *Space) ip(format string, args ...any) {
	s.lab.ip("-n "+s.name+" "+format, args...)
}

// IP runs `ip WORDS` inside, for what has no method of its own.
func (s *Space) IP(format string, args ...any) { s.ip(format, args...) }

// Sysctl sets a variable such as net.mptcp.enabled.
func (s *Space) Sysctl(name, value string) {
	if s.lab.Err() != nil {
		return
	}
	s.lab.failed(s.Do(func() error {
		return os.WriteFile("/proc/sys/"+strings.ReplaceAll(name, ".", "/"), []byte(value), 0o644)
	}))
}

// Addr gives an interface an address: 10.0.0.1/24 or fd00::1/64.
func (s *Space) Addr(dev, addr string) {
	nodad := ""
	if strings.Contains(addr, ":") {
		nodad = " nodad"
	}
	s.ip("address add %s dev %s%s", addr, dev, nodad)
}

// Route adds a route: "default via 10.0.0.1", "10.2.0.0/24 dev eth1".
func (s *Space) Route(text string) {
	if strings.Contains(text, ":") {
		s.ip("-6 route add %s", text)
		return
	}
	s.ip("route add %s", text)
}

// Up and Down switch an interface.
func (s *Space) Up(dev string) { s.ip("link set %s up", dev) }

// Down is the opposite of Up. IPv6 addresses of the interface are lost with it.
func (s *Space) Down(dev string) { s.ip("link set %s down", dev) }

// Forward makes the space a router.
func (s *Space) Forward() {
	s.Sysctl("net.ipv4.ip_forward", "1")
	s.Sysctl("net.ipv6.conf.all.forwarding", "1")
}

// Endpoint adds an MPTCP endpoint: "10.1.0.1 dev eth1 subflow", "10.2.0.2 signal port
// 8080", "fd00::1 subflow backup".
func (s *Space) Endpoint(text string) { s.ip("mptcp endpoint add %s", text) }

// NoEndpoint removes the endpoint with an identifier.
func (s *Space) NoEndpoint(id int) { s.ip("mptcp endpoint delete id %d", id) }

// Limits sets how many further subflows the kernel's path manager allows on a
// connection, and how many of the peer's addresses it uses: each 0 to 8.
func (s *Space) Limits(subflows, addrAccepted int) {
	s.ip("mptcp limits set subflow %d add_addr_accepted %d", subflows, addrAccepted)
}

// close kills what runs inside and removes the namespace.
func (s *Space) close() error {
	s.mu.Lock()
	procs := s.procs
	s.procs = nil
	if s.starts != nil {
		close(s.starts)
		s.starts = nil
	}
	s.mu.Unlock()
	for p := range procs {
		p.Stop()
	}
	return ip("netns delete " + s.name)
}
