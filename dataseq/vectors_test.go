package dataseq

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// vector is one entry of testdata/vectors.json, with the fields used here.
type vector struct {
	Kind          string
	Source        string
	DSN           any // hexadecimal, or a number
	SSN           uint32
	DLL           uint16
	Csum          string
	Payload       *string
	PayloadLen    int    `json:"payload_len"`
	PayloadSHA256 string `json:"payload_sha256"`
	DataFin       bool   `json:"data_fin"`
	FinDSN        int    `json:"fin_dsn"`
	DataAck       int    `json:"data_ack"`
}

func vectors(t *testing.T, kind string) []vector {
	t.Helper()
	b, err := os.ReadFile("../testdata/vectors.json")
	require.NoError(t, err)
	var file struct{ Vectors []vector }
	require.NoError(t, json.Unmarshal(b, &file))
	var of []vector
	for _, v := range file.Vectors {
		if v.Kind == kind {
			of = append(of, v)
		}
	}
	require.NotEmpty(t, of, "no vectors of kind %q", kind)
	return of
}

// payload returns the vector's octets. Long ones are recorded by their hash only;
// the live captures filled them by a rule, which the hash confirms.
func (v *vector) payload(t *testing.T) ([]byte, bool) {
	t.Helper()
	if v.Payload != nil {
		b, err := hex.DecodeString(*v.Payload)
		require.NoError(t, err)
		return b, true
	}
	b := make([]byte, v.PayloadLen)
	for first := range 256 {
		for _, mask := range []byte{0, 0x5a} {
			for i := range b {
				b[i] = byte(first+7*i) ^ mask
			}
			if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) == v.PayloadSHA256 {
				return b, true
			}
		}
	}
	return nil, false
}

func (v *vector) mapping(t *testing.T) (Mapping, Space) {
	t.Helper()
	dsn, err := strconv.ParseUint(v.DSN.(string), 16, 64)
	require.NoError(t, err)
	sum, err := strconv.ParseUint(v.Csum, 16, 16)
	require.NoError(t, err)
	s := Space{IDSN: dsn - 1}
	m, ok := NewMapping(uint64(v.SSN)-1, 0, v.DLL, v.DataFin)
	require.True(t, ok)
	m.Sum, m.HasSum = uint16(sum), true
	return m, s
}

func TestCapturedChecksums(t *testing.T) { // R3.3.1-05, R3.3.1-06, R3.3.3-03
	for _, kind := range []string{"dss csum", "mpc-data-csum"} {
		checked, unknown := 0, 0
		for _, v := range vectors(t, kind) {
			p, ok := v.payload(t)
			if !ok {
				unknown++
				continue
			}
			checked++
			m, s := v.mapping(t)
			require.Equal(t, len(p), int(m.Len), v.Source)
			ver := NewVerifier(m, s)
			require.Zero(t, ver.Add(0, p))
			require.Equal(t, Good, ver.Verdict(), v.Source)
			require.Equal(t, m.Sum, m.PseudoSum(s).Add(payloadSum(p)).Checksum(), v.Source)

			m.Sum ^= 1
			ver = NewVerifier(m, s)
			ver.Add(0, p)
			require.Equal(t, Bad, ver.Verdict(), "%s with another checksum", v.Source)
		}
		t.Logf("%s: %d recomputed, %d with a payload unknown here", kind, checked, unknown)
		require.Greater(t, checked, unknown, "most vectors must be checked")
	}
}
