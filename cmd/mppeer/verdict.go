package main

// verdict says of a connection whether it is Multipath TCP, or why not: cause is the
// counter that tells of the fallback, empty where there was none.
func verdict(multipath, opener bool, cause string) string {
	if multipath {
		return "Multipath TCP"
	}
	text, ok := causes[cause]
	switch {
	case ok:
		return "plain TCP: " + text + " (" + cause + ")"
	case cause != "":
		return "plain TCP (" + cause + ")"
	case opener:
		return "plain TCP: Multipath TCP was not asked for"
	}
	return "plain TCP: the SYN came without MP_CAPABLE: the peer did not ask for Multipath TCP, or a box on the way removed the option"
}

// causes are the counters of a fallback. Names are those of Linux.
var causes = map[string]string{
	"MPCapableFallbackSYNACK": "the SYN/ACK came without MP_CAPABLE: the peer does not speak Multipath TCP, or a box on the way removed the option",
	"MPCapableFallbackACK":    "the peer's third packet came without MP_CAPABLE: it saw none in the SYN/ACK, or a box on the way removed the option",
	"MPCapableSYNTXDrop":      "SYNs with MP_CAPABLE were not answered, a plain one was",
	"MPCapableDataFallback":   "the first data came without a mapping: a box on the way removes options from data, or acknowledges data itself",
	"DssFallback":             "options no longer came, or no longer arrived, in mid-connection: a box on the way began to remove them, or merges segments and the peer fell back without a word",
	"DataCsumErr":             "a checksum failed: a box on the way changes the payload",
	"InfiniteMapRx":           "the peer asked for it with an infinite mapping",
	"MPFailRx":                "the peer found a wrong checksum: a box on the way changes the payload",
	"SimultConnectFallback":   "both sides opened at once",
	"MPFallbackTokenInit":     "no unused token was found",
}
