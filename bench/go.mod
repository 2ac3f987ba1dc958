module github.com/mptcp-go/mptcp/bench

go 1.26.3

require (
	github.com/google/btree v1.1.3
	github.com/gopacket/gopacket v1.7.7
	github.com/mptcp-go/mptcp v0.0.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/sys v0.49.0
	gvisor.dev/gvisor v0.0.0-20260905035102-160fafc42237
)

require (
	github.com/klauspost/compress v1.20.3 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/exp v0.0.0-20250711185948-6ae5c78190dc // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace github.com/mptcp-go/mptcp => ../
