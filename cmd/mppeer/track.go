package main

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/mptcp-go/mptcp/cmd/internal/screen"
	"github.com/mptcp-go/mptcp/peer"
)

// tracker remembers what connections and their subflows did, also those that ended,
// for the status line and the summaries.
type tracker struct {
	mu    sync.Mutex
	conns []*tracked
	drawn time.Time
	total totals
}

// totals are about the connections that have ended.
type totals struct {
	conns, mptcp, failed, subflows int
	sent, received                 uint64
	causes                         map[string]int // of fallbacks, by their counter
}

// tracked is one connection.
type tracked struct {
	conn   *peer.Conn
	opener bool
	began  time.Time
	info   peer.Info
	flows  []*peer.SubflowInfo // all there were, in order of appearance
	done   bool
	before [2]uint64 // octets sent and received when the status was drawn last
}

// add begins to track a connection.
func (t *tracker) add(c *peer.Conn, opener bool) *tracked {
	k := &tracked{conn: c, opener: opener, began: time.Now()}
	t.mu.Lock()
	t.conns = append(t.conns, k)
	t.mu.Unlock()
	t.see(c, c.Info())
	return k
}

// see updates what is known of a connection.
func (t *tracker) see(c *peer.Conn, info peer.Info) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range t.conns {
		if k.conn == c && !k.done {
			k.see(info)
		}
	}
}

// poll updates all that is known.
func (t *tracker) poll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range t.conns {
		if !k.done {
			k.see(k.conn.Info())
		}
	}
}

// finish takes a last look and stops tracking. result is why the connection failed, if so.
func (t *tracker) finish(k *tracked, result error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k.see(k.conn.Info())
	k.done = true
	t.total.add(k, result)
	for i, other := range t.conns {
		if other == k {
			t.conns = append(t.conns[:i], t.conns[i+1:]...)
			break
		}
	}
}

func (t *totals) add(k *tracked, result error) {
	t.conns++
	if k.info.Multipath {
		t.mptcp++
	}
	if result != nil {
		t.failed++
	}
	t.subflows += len(k.flows)
	t.sent += k.info.Sent
	t.received += k.info.Received
	if k.info.Cause != "" {
		t.causes[k.info.Cause]++
	}
}

func (k *tracked) see(info peer.Info) {
	k.info = info
	for i := range info.Subflows {
		s := info.Subflows[i]
		if old := k.flow(s.Local, s.Remote); old != nil {
			*old = s
		} else if s.Up || !info.Multipath {
			k.flows = append(k.flows, &s)
		}
	}
	for i := range info.Past {
		p := &info.Past[i]
		s := peer.SubflowInfo{Local: p.Local, Remote: p.Remote, Link: p.Link, Backup: p.Backup, Sent: p.Sent, Acked: p.Acked,
			Received: p.Received, RTT: p.RTT, MinRTT: p.MinRTT, Cwnd: p.Cwnd}
		if old := k.flow(p.Local, p.Remote); old != nil {
			*old = s
		} else if p.Worked { // it came and went between two looks
			k.flows = append(k.flows, &s)
		}
	}
}

func (k *tracked) flow(local, remote netip.AddrPort) *peer.SubflowInfo {
	for _, f := range k.flows {
		if f.Local == local && f.Remote == remote {
			return f
		}
	}
	return nil
}

// status is the line on the terminal.
func (t *tracker) status(now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	since := now.Sub(t.drawn).Seconds()
	t.drawn = now
	if len(t.conns) == 0 {
		return ""
	}
	var out, in float64
	for _, k := range t.conns {
		sent, received := k.info.Acked, k.info.Received
		out += float64(sent-k.before[0]) * 8 / since
		in += float64(received-k.before[1]) * 8 / since
		k.before = [2]uint64{sent, received}
	}
	rates := fmt.Sprintf("out %s, in %s", screen.Rate(out), screen.Rate(in))
	if len(t.conns) > 1 {
		return fmt.Sprintf("%d connections | %s", len(t.conns), rates)
	}
	k := t.conns[0]
	parts := []string{"plain TCP"}
	if k.info.Multipath {
		parts = []string{"MPTCP"}
	}
	parts[0] += " " + rates
	for _, f := range k.flows {
		if f.Up || !k.info.Multipath {
			parts = append(parts, fmt.Sprintf("%s rtt %s cwnd %s", f.Local.Addr(), milliseconds(f.RTT), kilo(uint64(f.Cwnd))))
		}
	}
	return strings.Join(parts, " | ")
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.3g ms", d.Seconds()*1e3) }

// kilo is a number of octets, roughly.
func kilo(n uint64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 10_000_000:
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%d MB", n/1_000_000)
}

// verdict says whether the connection is Multipath TCP, or why not.
func (k *tracked) verdict() string {
	text := verdict(k.info.Multipath, k.opener, k.info.Cause)
	if k.info.Multipath {
		text += fmt.Sprintf(" version %d", k.info.Version)
		if k.info.Checksum {
			text += ", checksums on"
		}
	}
	return text
}

// summary is what is said of a connection at its end.
func (k *tracked) summary(result error) string {
	took := max(time.Since(k.began).Seconds(), 1e-6)
	arrow := "<"
	if k.opener {
		arrow = ">"
	}
	i := &k.info
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s %v: %s\n", k.conn.LocalAddr(), arrow, k.conn.RemoteAddr(), k.verdict())
	fmt.Fprintf(&b, "  sent %s octets (%s acknowledged), received %s, in %.2f s: %s out, %s in\n", screen.Group(i.Sent), screen.Group(i.Acked),
		screen.Group(i.Received), took, screen.Rate(float64(i.Acked)*8/took), screen.Rate(float64(i.Received)*8/took))
	if i.Multipath || len(k.flows) > 1 {
		for _, f := range k.flows {
			backup := ""
			if f.Backup {
				backup = "  backup"
			}
			fmt.Fprintf(&b, "  subflow %v - %v  %s  RTT %s  sent %s, received %s%s\n", f.Local, f.Remote, f.Link, milliseconds(f.RTT),
				screen.Group(f.Sent), screen.Group(f.Received), backup)
		}
	}
	if result != nil {
		fmt.Fprintf(&b, "  ended: %v", result)
	} else {
		b.WriteString("  closed in order")
	}
	return b.String()
}

// record is the summary in JSON.
func (k *tracked) record(result error) record {
	i := &k.info
	r := record{"local": k.conn.LocalAddr().String(), "remote": k.conn.RemoteAddr().String(), "opener": k.opener, "mptcp": i.Multipath,
		"fell_back": i.FellBack, "cause": i.Cause, "sent": i.Sent, "acked": i.Acked, "received": i.Received,
		"seconds": time.Since(k.began).Seconds(), "subflows_total": i.SubflowsTotal}
	if i.Multipath {
		r["version"], r["checksum"] = int(i.Version), i.Checksum
	}
	if result != nil {
		r["error"] = result.Error()
	}
	flows := []record{}
	for _, f := range k.flows {
		flows = append(flows, record{"local": f.Local.String(), "remote": f.Remote.String(), "link": f.Link, "sent": f.Sent,
			"acked": f.Acked, "received": f.Received, "backup": f.Backup, "rtt": f.RTT.Seconds(), "min_rtt": f.MinRTT.Seconds(), "cwnd": f.Cwnd})
	}
	r["subflows"] = flows
	return r
}
