package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// captures of the repository, as the tests name them: the names stand in the output.
const captures = "../../testdata"

// invoke runs the program in process.
func invoke(stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	code = run(args, stdin, &out, &err)
	return code, out.String(), err.String()
}

// file is a capture of the repository.
func file(name string) string { return filepath.Join(captures, name) }

// sharedCaptures is the folder of captures with logs and oracles, if it is there.
func sharedCaptures(t testing.TB) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "captures")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("MPTCP_REQUIRE_SHARED") == "1" {
			t.Fatal("captures are required: ", err)
		}
		t.Skip("captures with oracles are not here: ", err)
	}
	return dir
}

// golden compares what the program said with testdata/NAME.txt.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update")
	require.Equal(t, string(want), got, "run the test with -update if this is as it should be")
}
