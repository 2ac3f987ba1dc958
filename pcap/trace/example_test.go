package trace_test

import (
	"errors"
	"fmt"
	"io"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
)

// Judge a capture: which connections there were, and what is wrong with them.
func Example() {
	file, err := pcap.Open("../../testdata/mpfail-single-srv.pcap")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()

	t := trace.New(trace.Config{})
	var f pcap.Frame
	for {
		err := file.Next(&f)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			fmt.Println(err) // what came before is still judged
			break
		}
		t.Add(0, &f)
	}
	t.Finish()

	for _, c := range t.Conns() {
		fmt.Printf("connection %d: %s, %d subflow, %d octets under MPTCP\n",
			c.ID, c.State(), len(c.Subflows), c.Dir[0].NewBytes)
	}
	for _, finding := range t.Findings() {
		fmt.Println(finding.Severity, finding.ID, "frame", finding.Frames[0].Frame(), finding.Counter)
	}
	// Output:
	// connection 0: fallback, 1 subflow, 16800 octets under MPTCP
	// error MPD-CHECKSUM frame 33 DataCsumErr
	// warn MPD-FALLBACK-CHECKSUM frame 33 MPFailTx
	// warn MPD-INFINITE-MAPPING frame 36 InfiniteMapTx
}
