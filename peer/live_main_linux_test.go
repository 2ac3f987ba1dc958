package peer

import (
	"flag"
	"os"
	"testing"
)

// TestMain has more tests run at once than there are processors: those against a kernel
// wait for its timers and for neighbours, most of their time.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", "6")
	}
	os.Exit(m.Run())
}
