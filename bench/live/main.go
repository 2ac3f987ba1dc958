// Command live moves octets between one stack and a Linux kernel over an Ethernet
// interface and says how fast, and at what cost in CPU time. It is what
// scripts/perf-live.sh runs, in network namespaces of its own.
//
//	live -serve 10.7.0.2 [-mptcp]      the kernel's side: sink on port 5001, source on 5002
//	live -stack ours|gvisor|kernel -dir in|out ...   the side that is measured
//	live -stack ours|gvisor|kernel -listen ...       the side whose set-up is measured
//	live -connect 10.7.0.9:5003 [-mptcp]             the kernel that opens the connections
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"
)

type options struct {
	stack, dir, iface, addr, peer string
	offload, mptcp, checksum      bool
	seconds                       float64
	link, link2                   string
	buffer                        int
	verbose                       bool
}

const (
	sinkPort   = "5001"
	sourcePort = "5002"
	chunk      = 256 << 10 // of Read and Write
)

func main() {
	var o options
	serve := flag.String("serve", "", "serve at this address")
	flag.StringVar(&o.stack, "stack", "ours", "ours, gvisor or kernel")
	flag.StringVar(&o.dir, "dir", "in", "in or out, as this side sees it")
	flag.StringVar(&o.iface, "iface", "left", "interface")
	flag.StringVar(&o.link, "link", "", "the link of ours; default raw:IFACE,ADDR")
	flag.StringVar(&o.link2, "link2", "", "ours: a second link, for subflows over every path")
	flag.StringVar(&o.addr, "addr", "10.7.0.9/24", "address of this side")
	flag.StringVar(&o.peer, "peer", "10.7.0.2", "address of the kernel's side")
	flag.BoolVar(&o.offload, "offload", true, "use the virtio-net header")
	flag.BoolVar(&o.mptcp, "mptcp", false, "Multipath TCP")
	flag.BoolVar(&o.checksum, "checksum", false, "ours: DSS checksums")
	flag.Float64Var(&o.seconds, "seconds", 3, "how long")
	flag.IntVar(&o.buffer, "buffer", 4<<20, "ours, gvisor: octets of each buffer")
	flag.BoolVar(&o.verbose, "v", false, "ours: print the counters")
	profile := flag.String("cpuprofile", "", "write a CPU profile")
	listen := flag.Bool("listen", false, "take connections on port 5003 of -addr, and end them with the peer")
	connect := flag.String("connect", "", "open connections to this address and port, by the kernel, and time them")
	flag.Parse()
	switch {
	case *listen:
		exit(o.listen())
	case *connect != "":
		exit(o.connect(*connect))
	}
	if *serve != "" {
		exit(server(*serve, o.mptcp))
	}
	conn, closeAll, err := o.dial()
	if err != nil {
		exit(err)
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			exit(err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			exit(err)
		}
	}
	octets, took, cpu, err := o.move(conn)
	pprof.StopCPUProfile()
	if err != nil {
		exit(err)
	}
	fmt.Printf("%.3f %.3f %s\n", float64(octets)*8/took.Seconds()/1e9, cpu.Seconds()/(float64(octets)/1e9), describe(conn))
	closeAll()
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// dial opens the connection to be measured.
func (o *options) dial() (net.Conn, func(), error) {
	port := sourcePort
	if o.dir == "out" {
		port = sinkPort
	}
	to := net.JoinHostPort(o.peer, port)
	switch o.stack {
	case "ours":
		return o.dialOurs(to)
	case "gvisor":
		return o.dialGVisor(to)
	case "kernel":
		d := net.Dialer{Timeout: 5 * time.Second}
		d.SetMultipathTCP(o.mptcp)
		c, err := d.Dial("tcp", to)
		return c, func() {}, err
	}
	return nil, nil, errors.New("no stack " + o.stack)
}

// move reads or writes for the time and tells how much went through. What is still in
// buffers at the end is small beside it.
func (o *options) move(c net.Conn) (octets int64, took, cpu time.Duration, err error) {
	buf := make([]byte, chunk)
	for i := range buf { // not all zero, which would make checksums look cheap
		buf[i] = byte(i * 7)
	}
	// The connection gets up to speed first.
	start := time.Now()
	var begin time.Time
	var before time.Duration
	for {
		var n int
		if o.dir == "in" {
			n, err = c.Read(buf)
		} else {
			n, err = c.Write(buf)
		}
		if err != nil {
			return 0, 0, 0, err
		}
		octets += int64(n)
		now := time.Now()
		switch {
		case begin.IsZero():
			if now.Sub(start) > 300*time.Millisecond {
				begin, octets, before = now, 0, used()
			}
		case now.Sub(begin).Seconds() >= o.seconds:
			return octets, now.Sub(begin), used() - before, nil
		}
	}
}

// used is the CPU time of this process so far, that of the kernel for it included.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		exit(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// describe tells what protocol it was in the end.
func describe(c net.Conn) string {
	switch c := c.(type) {
	case *net.TCPConn:
		if ok, err := c.MultipathTCP(); err == nil && ok {
			return "MPTCP"
		}
	case interface{ protocol() string }:
		return c.protocol()
	}
	return "TCP"
}

// server is the kernel's side. On SIGTERM it prints the CPU time it used and ends.
func server(at string, mptcp bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	lc := net.ListenConfig{}
	lc.SetMultipathTCP(mptcp)
	for _, port := range []string{sinkPort, sourcePort} {
		l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(at, port))
		if err != nil {
			return err
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					if port == sinkPort {
						_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, chunk))
						return
					}
					for buf := make([]byte, chunk); ; {
						if _, err := c.Write(buf); err != nil {
							return
						}
					}
				}()
			}
		}()
	}
	<-ctx.Done()
	return nil
}
