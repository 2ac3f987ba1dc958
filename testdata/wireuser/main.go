// Wireuser shows what a program needs that imports package wire and nothing else:
// it prints the TCP options given as hexadecimal digits, octet by octet, and the
// SYN that would join a connection whose peer has the key of the -join flag.
package main

import (
	"encoding/hex"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strconv"

	"github.com/mptcp-go/mptcp/wire"
)

func main() {
	join := flag.String("join", "", "print a SYN with MP_JOIN for this `key` (16 hexadecimal digits)")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: wireuser [-join KEY] [OPTIONS-IN-HEX ...]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *join == "" && flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*join, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "wireuser:", err)
		os.Exit(1)
	}
}

func run(join string, blocks []string) error {
	for _, block := range blocks {
		if err := explain(block); err != nil {
			return err
		}
	}
	if join == "" {
		return nil
	}
	key, err := strconv.ParseUint(join, 16, 64)
	if err != nil {
		return err
	}
	return printJoin(wire.Key(key))
}

func explain(block string) error {
	octets, err := hex.DecodeString(block)
	if err != nil {
		return err
	}
	options := wire.Options(octets)
	fmt.Printf("<%s>\n", wire.AppendOptionsText(nil, options, wire.TextBase{}))
	for piece := range options.Pieces() {
		for _, p := range wire.Explain(piece, wire.V1) {
			fmt.Printf("  %-16x %s: %s\n", []byte(piece[p.Offset:p.Offset+p.Len]), p.Name, p.Value)
		}
	}
	return options.Check()
}

func printJoin(key wire.Key) error {
	option := wire.MPJoin{Form: wire.JoinSYN, ID: 1, Token: key.Token(wire.V1), Nonce: 0x01020304}
	options, err := option.Append(nil)
	if err != nil {
		return err
	}
	packet, err := wire.Append(nil, &wire.Segment{
		Src:   netip.MustParseAddrPort("10.0.0.1:5001"),
		Dst:   netip.MustParseAddrPort("10.0.0.2:80"),
		Flags: wire.SYN, Window: 65535, Options: options,
	})
	if err != nil {
		return err
	}
	fmt.Println(hex.EncodeToString(packet))
	return nil
}
