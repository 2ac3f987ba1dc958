package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/mptcp-go/mptcp/peer"
	"github.com/mptcp-go/mptcp/peer/link"
)

// ours is a connection of our stack.
type ours struct{ *peer.Conn }

func (c ours) protocol() string {
	if c.Info().Multipath {
		return "MPTCP"
	}
	return "TCP"
}

// newOurs is our stack with its links.
func (o *options) newOurs() (*peer.Stack, error) {
	spec := o.link
	if spec == "" {
		spec = "raw:" + o.iface + "," + o.addr
	}
	if !o.offload {
		spec += ",offload=off"
	}
	var cfg peer.Config
	cfg.Endpoint.Plain = !o.mptcp
	cfg.Endpoint.NoChecksum = !o.checksum
	cfg.Endpoint.SendBuffer, cfg.Endpoint.ReceiveBuffer = o.buffer, o.buffer
	if o.link2 != "" {
		cfg.Endpoint.PathManager = func() pathmgr.Manager { return pathmgr.NewFullMesh(pathmgr.MeshConfig{}) }
	}
	s, err := peer.New(cfg)
	if err != nil {
		return nil, err
	}
	for _, spec := range []string{spec, o.link2} {
		if spec == "" {
			continue
		}
		l, err := link.Open(spec)
		if err != nil {
			return nil, err
		}
		if err := s.AddLink(l); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (o *options) dialOurs(to string) (net.Conn, func(), error) {
	s, err := o.newOurs()
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := s.Dial(ctx, "tcp", to)
	if err != nil {
		return nil, nil, err
	}
	return ours{c}, func() {
		if o.verbose {
			st := s.Stats()
			fmt.Fprintf(os.Stderr, "%+v\n%+v\n", st.Links[0], st.TCP)
		}
		_ = s.Close()
	}, nil
}
