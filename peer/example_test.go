package peer_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"

	"github.com/mptcp-go/mptcp/peer"
	"github.com/mptcp-go/mptcp/peer/link"
)

// Two hosts in one process, joined by a link in memory. With link.Open the other end is
// the kernel, or the network.
func Example() {
	a, b := link.Pipe(link.PipeConfig{
		A: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")},
		B: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24")},
	})
	client, _ := peer.New(peer.Config{})
	server, _ := peer.New(peer.Config{})
	defer client.Close()
	defer server.Close()
	_ = client.AddLink(a)
	_ = server.AddLink(b)

	l, _ := server.Listen("tcp", ":80")
	go func() {
		c, _ := l.Accept()
		_, _ = io.Copy(c, c)
		_ = c.Close()
	}()

	c, err := client.Dial(context.Background(), "tcp", "10.0.0.2:80")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = io.WriteString(c, "hello")
	_ = c.CloseWrite()
	echo, _ := io.ReadAll(c)
	info := c.Info()
	fmt.Printf("%s over Multipath TCP version %d: %v\n", echo, info.Version, info.Multipath)
	_ = c.Close()
	_ = client.Drain(context.Background())
	// Output: hello over Multipath TCP version 1: true
}
