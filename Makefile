# What takes longer than the tests do.

# 10^6 random connections, every invariant held at every step; SOAK=60s for a slice.
SOAK ?= 1000000
soak:
	SOAK=$(SOAK) go test ./fsm -run '^TestSoak$$' -count=1 -v -timeout 0

# 10^5 random connections with one to four paths and what happens to these.
paths:
	MPTCP_BRIEF=1 go test ./fsm -run '^TestRandomPaths$$' -worlds 50000 -world 100001 -count=1 -v -timeout 0

# Every pair of middleboxes and 20,000 triples, on one path and on a path each of two to four,
# by direction, moment, version and checksums.
sweep:
	MPTCP_SWEEP=1 go test ./fsm -run '^(TestMatrix|TestMatrixManyPaths|TestSilentPeer)$$' -count=1 -v -timeout 0

.PHONY: soak paths sweep
