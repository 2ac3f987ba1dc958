package fields_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/fields"
)

// capturesDir holds captures that are not part of the project.
const capturesDir = "../../../shared/captures"

// needCaptures skips the test where the captures are missing, unless they are required.
func needCaptures(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(capturesDir); err == nil {
		return
	}
	if os.Getenv("MPTCP_REQUIRE_SHARED") == "1" {
		t.Fatalf("%s is missing, and MPTCP_REQUIRE_SHARED=1", capturesDir)
	}
	t.Skipf("%s is missing: no captures with oracles to compare with", capturesDir)
}

// captureFiles are all captures that have an oracle.
func captureFiles(t testing.TB) []string {
	t.Helper()
	needCaptures(t)
	var files []string
	for _, pattern := range []string{"*/oracle/*.tshark.tsv", "public/oracle/*/*.tshark.tsv"} {
		found, err := filepath.Glob(filepath.Join(capturesDir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			f = strings.Replace(f, "oracle/", "", 1)
			files = append(files, strings.TrimSuffix(f, ".tshark.tsv"))
		}
	}
	return files
}

// eachRow calls do for every frame of a capture.
func eachRow(t testing.TB, file string, do func(f *pcap.Frame, r *fields.Row)) {
	t.Helper()
	c, err := pcap.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	x := fields.NewExtractor()
	var f pcap.Frame
	for {
		switch err := c.Next(&f); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			t.Fatal(err)
		}
		do(&f, x.Frame(&f))
	}
}

// id returns the field of that name.
func id(t testing.TB, name string) fields.ID {
	t.Helper()
	f, ok := fields.Lookup(name)
	if !ok {
		t.Fatalf("no field %q", name)
	}
	return f.ID
}
