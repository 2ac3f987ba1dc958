package main

import (
	"errors"
	"io"
	"net"
	"os"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// pumpOptions say what is done with a connection; nothing: stdin and stdout.
type pumpOptions struct {
	echo, discard bool
	send          string
	size          int64 // of send
}

// pump registers them.
func (o *options) pump(f *pflag.FlagSet) {
	f.BoolVar(&o.echo, "echo", false, "send back what comes")
	f.BoolVar(&o.discard, "discard", false, "read and forget what comes")
	f.StringVar(&o.send, "send", "", "send `SIZE` octets (5000, 64KiB, 200MB), then close; forget what comes")
}

// settle checks them.
func (p *pumpOptions) settle() error {
	n := 0
	for _, set := range []bool{p.echo, p.discard, p.send != ""} {
		if set {
			n++
		}
	}
	if n > 1 {
		return errors.New("--echo, --discard and --send exclude each other")
	}
	if p.send != "" {
		size, err := netsim.ParseOctets(p.send)
		if err != nil || size == 0 {
			return errors.New("--send " + p.send + ": want a number of octets, such as 200MB")
		}
		p.size = int64(size)
	}
	return nil
}

// quietIO reports whether nothing is read from stdin nor written to stdout.
func (p *pumpOptions) quietIO() bool { return p.echo || p.discard || p.send != "" }

// closeWriter is a connection whose directions end apart.
type closeWriter interface {
	net.Conn
	CloseWrite() error
}

// peerConn is a closeWriter of our stack.
type peerConn interface {
	closeWriter
	Done() <-chan struct{}
}

// work is what the flags ask for.
func (a *app) work(c net.Conn) error {
	conn := c.(peerConn)
	switch {
	case a.opt.echo:
		return echo(conn)
	case a.opt.discard:
		_, err := io.Copy(io.Discard, conn)
		return errors.Join(err, conn.CloseWrite())
	case a.opt.send != "":
		return both(conn, func() error { _, err := io.Copy(conn, io.LimitReader(pattern{}, a.opt.size)); return err },
			func() error { _, err := io.Copy(io.Discard, conn); return err })
	}
	return a.stdio(conn)
}

const copySize = 256 << 10

// echo sends back what comes until its end.
func echo(conn closeWriter) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{conn}, make([]byte, copySize))
	return errors.Join(err, conn.CloseWrite())
}

// both runs a writer, behind which our direction is closed, beside a reader, and
// returns the first error when both are done.
func both(conn closeWriter, write, read func() error) error {
	wrote := make(chan error, 1)
	go func() {
		err := write()
		wrote <- errors.Join(err, conn.CloseWrite())
	}()
	err := read()
	if err != nil {
		return err
	}
	return <-wrote
}

// stdio joins the connection to stdin and stdout, as netcat does: the end of stdin
// closes our direction, and the program ends with the peer's.
func (a *app) stdio(conn peerConn) error {
	wrote := make(chan error, 1)
	go func() {
		_, err := io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{a.stdin}, make([]byte, copySize))
		wrote <- errors.Join(err, conn.CloseWrite())
	}()
	if _, err := io.CopyBuffer(struct{ io.Writer }{a.stdout}, struct{ io.Reader }{conn}, make([]byte, copySize)); err != nil {
		return err
	}
	if interactive(a.stdin) {
		return conn.CloseWrite() // nobody types for a peer that is gone
	}
	select {
	case err := <-wrote:
		return err
	case <-a.interrupted:
		return nil
	case <-conn.Done(): // it failed: what is still typed has nowhere to go
		return nil
	}
}

// interactive reports whether a person types there.
func interactive(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// pattern is octets without end that are easy to compress and to recognise.
type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	const line = "the quick brown fox jumps over the lazy dog 0123456789\n"
	for n := 0; n < len(p); {
		n += copy(p[n:], line)
	}
	return len(p), nil
}
