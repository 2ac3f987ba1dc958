package wire

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestUserModule builds a program of another module that imports this package: it
// must need nothing but this repository, with no network and no other module.
func TestUserModule(t *testing.T) {
	dir, err := filepath.Abs("../testdata/wireuser")
	require.NoError(t, err)
	bin := filepath.Join(t.TempDir(), "wireuser")
	// An empty module cache and no proxy: whatever had to be downloaded would fail.
	env := append(os.Environ(), "GOFLAGS=-mod=mod -modcacherw", "GOPROXY=off", "GOWORK=off", "GOTOOLCHAIN=local",
		"GOMODCACHE="+filepath.Join(t.TempDir(), "mod"))
	command := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(name, args...)
		c.Dir, c.Env = dir, env
		return c
	}
	before, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	out, err := command("go", "build", "-buildvcs=false", "-o", bin, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	after, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after), "go.mod needs no other module")
	_, err = os.Stat(filepath.Join(dir, "go.sum"))
	assert.ErrorIs(t, err, os.ErrNotExist)

	out, err = command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	require.NoError(t, err)
	assert.Equal(t, []string{
		"github.com/mptcp-go/mptcp/checksum", "github.com/mptcp-go/mptcp/wire", "example.com/wireuser",
	}, strings.Fields(string(out)))

	out, err = exec.Command(bin, "0101080a00000001000000021e0351").CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "<nop, nop, TS val 1 ecr 2, mp_prio backup>")
	assert.Contains(t, string(out), "subtype: 5 (MP_PRIO), flags: B (backup)")
	out, err = exec.Command(bin, "-join", "c11900dfe16c299b").Output()
	require.NoError(t, err)
	pkt, err := hex.DecodeString(strings.TrimSpace(string(out)))
	require.NoError(t, err)
	var s Segment
	require.NoError(t, Parse(&s, pkt))
	opt, ok := s.Options.FindMPTCP(SubMPJoin)
	require.True(t, ok)
	m, err := ParseMPJoin(opt)
	require.NoError(t, err)
	assert.Equal(t, Token(0x72a99912), m.Token)
	err = exec.Command(bin, "1e0a20").Run()
	assert.Error(t, err, "a malformed block is an error")
}
