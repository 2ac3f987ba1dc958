package fields_test

import (
	"encoding/hex"
	"fmt"
	"log"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/fields"
)

// What mpdecode -Y 'tcp.options.mptcp.subtype == 2' -T fields -e ... does for each frame.
func Example() {
	filter, err := fields.Compile("tcp.options.mptcp.subtype == 2 && ip.src == 10.77.0.0/16")
	if err != nil {
		log.Fatal(err)
	}
	var columns []fields.ID
	for _, name := range []string{"ip.src", "tcp.port", "tcp.options.mptcp.rawdataack"} {
		f, ok := fields.Lookup(name)
		if !ok {
			log.Fatal(name, ": did you mean ", fields.Suggest(name))
		}
		columns = append(columns, f.ID)
	}
	packet, _ := hex.DecodeString("450000300001400040060000" + "0a4d0101" + "0a4d0102" +
		"c00013890000006400000065" + "70102000" + "00000000" + "1e08200100000005")
	x := fields.NewExtractor()
	row := x.Frame(&pcap.Frame{Number: 1, Link: pcap.LinkRaw, Data: packet, Len: len(packet)})
	if filter.Match(row) {
		var line []byte
		for i, id := range columns {
			if i > 0 {
				line = append(line, '\t')
			}
			line = row.Append(line, id, ",")
		}
		fmt.Println(string(line))
	}
	_, err = fields.Compile("tcp.strem == 0")
	fmt.Println(err)
	// Output:
	// 10.77.1.1	49152,5001	5
	// filter: unknown field "tcp.strem" (did you mean tcp.stream?) at column 1 of "tcp.strem == 0"
}
