module example.com/wireuser

go 1.26.0

require github.com/mptcp-go/mptcp v0.0.0

replace github.com/mptcp-go/mptcp => ../..
