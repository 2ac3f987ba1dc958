//go:build linux

package lab_test

import (
	"fmt"

	"github.com/mptcp-go/mptcp/peer/lab"
)

// Two hosts with two links, of which the kernel may use both.
func Example() {
	l, err := lab.New()
	if err != nil {
		fmt.Println(err) // one sentence that says what helps
		return
	}
	defer l.Close()
	client, server := l.Space("client"), l.Space("server")
	l.Link(client.Dev("eth0", "10.1.0.1/24"), server.Dev("eth0", "10.1.0.2/24"))
	l.Link(client.Dev("eth1", "10.2.0.1/24"), server.Dev("eth1", "10.2.0.2/24"))
	client.Endpoint("10.2.0.1 dev eth1 subflow")
	client.Limits(2, 2)
	server.Limits(2, 2)
	if err := l.Err(); err != nil {
		fmt.Println(err)
		return
	}
	out, err := client.Run("ping", "-c1", "10.2.0.2")
	fmt.Println(out, err)
}
