package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/checksum"
)

// vector is one row of testdata/vectors.json; which fields are there depends on
// its kind.
type vector struct {
	Kind, Source string
	Verified     *bool
	Version      Version
	Role         string
	Key, Key1    string
	Key2         string
	Token, IDSN  string
	HMACKey      string `json:"hmac_key"`
	HMACMsg      string `json:"hmac_msg"`
	Full         string
	Trunc64      string `json:"trunc64"`
	Trunc160     string `json:"trunc160"`
	Rightmost    string `json:"trunc64_rightmost"`
	Option       string
	Subtype      string
	Length       int
	FlagByte     string
	TCPFlags     string `json:"tcp_flags"`
	Flags        string
	// Not a number of one type: a live vector has a string in hexadecimal, the
	// example of RFC 8684 section 3.3.3 a small integer.
	DSN       json.RawMessage
	DSNBits   int `json:"dsn_on_wire_bits"`
	SSN       uint32
	DLL       uint16
	DataFin   bool `json:"data_fin"`
	Csum      string
	Pseudo    string `json:"pseudo_header"`
	Payload   *string
	PayLen    int    `json:"payload_len"`
	PaySHA    string `json:"payload_sha256"`
	FinDSN    uint64 `json:"fin_dsn"`
	DataAck   uint64 `json:"data_ack"`
	Bytes     string
	OnesSum   string `json:"ones_complement_sum"`
	Checksum  string
	MatchesOf string `json:"matches_key_of"`
}

// vectors reads the file; minVectors guards against losing some of it.
func vectors(t testing.TB) []vector {
	const minVectors = 285
	b, err := os.ReadFile("../testdata/vectors.json")
	require.NoError(t, err)
	var file struct{ Vectors []vector }
	require.NoError(t, json.Unmarshal(b, &file))
	require.GreaterOrEqual(t, len(file.Vectors), minVectors)
	return file.Vectors
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func hexNum(t testing.TB, s string) uint64 {
	b := unhex(t, s)
	require.LessOrEqual(t, len(b), 8)
	var p [8]byte
	copy(p[8-len(b):], b)
	return binary.BigEndian.Uint64(p[:])
}

// dsn is the field as a number, whichever way it is written.
func (v *vector) dsn(t testing.TB) uint64 {
	var s string
	if json.Unmarshal(v.DSN, &s) == nil {
		return hexNum(t, s)
	}
	var n uint64
	require.NoError(t, json.Unmarshal(v.DSN, &n))
	return n
}

// TestVectors proves R3.1-29, R3.1-30, R3.1-31, R3.1-32, R3.1-44, R3.2-04, R3.2-11,
// R3.3.1-03, R3.3.1-05, R3.3.3-02, R3.3.3-03, R3.4.1-09, V0-02, V0-03 and V0-11 with
// values that were computed elsewhere or captured from other stacks.
func TestVectors(t *testing.T) {
	for i, v := range vectors(t) {
		t.Run(fmt.Sprintf("%d %s", i, v.Kind), func(t *testing.T) { v.check(t) })
	}
}

func (v *vector) check(t *testing.T) {
	if malformed := v.Option == "1e0320"; v.Option != "" && !malformed {
		v.checkReencode(t)
	}
	switch v.Kind {
	case "key->token,idsn", "edge key (computed here)":
		key := Key(hexNum(t, v.Key))
		assert.EqualValues(t, hexNum(t, v.Token), key.Token(v.Version))
		assert.EqualValues(t, hexNum(t, v.IDSN), key.IDSN(v.Version))
	case "token collision pair (computed here)":
		for _, key := range []string{v.Key1, v.Key2} {
			assert.EqualValues(t, hexNum(t, v.Token), Key(hexNum(t, key)).Token(v.Version))
		}
	case "hmac-sha256", "hmac-sha256(key1||key2, nonce1||nonce2)":
		got := hmacSHA256(unhex(t, v.HMACKey), unhex(t, v.HMACMsg))
		assert.Equal(t, v.Full, hex.EncodeToString(got[:len(v.Full)/2]))
		if v.Kind != "hmac-sha256" { // Linux's KUnit strings, taken as keys and nonces
			key, msg := unhex(t, v.HMACKey), unhex(t, v.HMACMsg)
			got := JoinHMAC(V1, beKey(key), beKey(key[8:]), binary.BigEndian.Uint32(msg), binary.BigEndian.Uint32(msg[4:]))
			assert.Equal(t, v.Full, hex.EncodeToString(got[:]))
		}
	case "hmac-sha1 (v0)":
		got := hmacSHA1(unhex(t, v.HMACKey), unhex(t, v.HMACMsg))
		assert.Equal(t, v.Full, hex.EncodeToString(got[:]))
	case "add_addr hmac":
		v.checkAddAddr(t)
	case "mp_join token":
		m, err := ParseMPJoin(unhex(t, v.Option))
		require.NoError(t, err)
		assert.Equal(t, JoinSYN, m.Form)
		assert.EqualValues(t, hexNum(t, v.Token), m.Token)
	case "mp_join synack hmac", "mp_join ack hmac":
		v.checkJoinHMAC(t)
	case "dss csum":
		v.checkDSS(t)
	case "mpc-data-csum":
		v.checkCapableData(t)
	case "mp_fastclose key":
		_, err := ParseMPFastclose(unhex(t, v.Option))
		assert.NoError(t, err)
	case "mp_tcprst":
		_, err := ParseMPTCPRst(unhex(t, v.Option))
		assert.NoError(t, err)
	case "mp_fail":
		_, err := ParseMPFail(unhex(t, v.Option))
		assert.NoError(t, err)
	case "mp_prio":
		p, err := ParseMPPrio(unhex(t, v.Option))
		assert.NoError(t, err)
		assert.True(t, p.Backup)
	case "remove_addr":
		r, err := ParseRemoveAddr(unhex(t, v.Option))
		assert.NoError(t, err)
		assert.Len(t, r.IDs, 1)
	case "malformed dss":
		_, err := ParseDSS(unhex(t, v.Option))
		requireParseError(t, err, ErrTruncated)
	case "option sample":
		o := Option(unhex(t, v.Option))
		assert.Equal(t, v.Length, len(o))
		assert.Equal(t, v.Subtype, o.Subtype().String())
	case "data_fin mapping":
		// Ten octets of data at DSN 80 and the DATA_FIN: RFC 8684 section 3.3.3.
		d := DSS{Flags: DSSMap | DSSFin, DSN: v.dsn(t), SSN: 1, DataLen: v.DLL}
		o, err := d.Append(nil)
		require.NoError(t, err)
		d, err = ParseDSS(Option(o))
		require.NoError(t, err)
		assert.Equal(t, v.FinDSN, d.DSN+uint64(d.DataLen)-1)
		assert.Equal(t, v.DataAck, d.DSN+uint64(d.DataLen))
	case "header checksum example":
		sum := checksum.Of(unhex(t, v.Bytes))
		assert.EqualValues(t, hexNum(t, v.OnesSum), sum)
		assert.EqualValues(t, hexNum(t, v.Checksum), sum.Checksum())
	default:
		t.Fatalf("vectors of kind %q are not tested", v.Kind)
	}
}

func beKey(b []byte) Key { return Key(binary.BigEndian.Uint64(b)) }

// checkReencode: every captured option decodes, and encodes to the same octets.
func (v *vector) checkReencode(t *testing.T) {
	o := Option(unhex(t, v.Option))
	version := v.Version
	if o.Subtype() == SubAddAddr && len(o) < 16 && o[2]&15 == 4 {
		version = V0 // a sample, which names no version
	} else if v.Kind == "option sample" {
		version = V1
	}
	got, err := reencode(o, version)
	require.NoError(t, err)
	assert.Equal(t, v.Option, hex.EncodeToString(got))
	text := AppendOptionText(nil, o, TextBase{})
	assert.NotContains(t, string(text), "raw=")
}

// reencode decodes o and appends what was decoded to nothing.
func reencode(o Option, v Version) (Options, error) {
	switch o.Subtype() {
	case SubMPCapable:
		m, err := ParseMPCapable(o)
		if err != nil {
			return nil, err
		}
		return m.Append(nil)
	case SubMPJoin:
		m, err := ParseMPJoin(o)
		if err != nil {
			return nil, err
		}
		return m.Append(nil)
	case SubDSS:
		m, err := ParseDSS(o)
		if err != nil {
			return nil, err
		}
		return m.Append(nil)
	case SubAddAddr:
		m, err := ParseAddAddr(o, v)
		if err != nil {
			return nil, err
		}
		return m.Append(nil)
	case SubRemoveAddr:
		m, err := ParseRemoveAddr(o)
		if err != nil {
			return nil, err
		}
		return m.Append(nil)
	case SubMPPrio:
		m, err := ParseMPPrio(o)
		if err != nil {
			return nil, err
		}
		return m.Append(nil)
	case SubMPFail:
		m, err := ParseMPFail(o)
		if err != nil {
			return nil, err
		}
		return m.Append(nil)
	case SubMPFastclose:
		m, err := ParseMPFastclose(o)
		if err != nil {
			return nil, err
		}
		return m.Append(nil)
	case SubMPTCPRst:
		m, err := ParseMPTCPRst(o)
		if err != nil {
			return nil, err
		}
		return m.Append(nil)
	case SubExperimental:
		m, err := ParseExperimental(o)
		if err != nil {
			return nil, err
		}
		return m.Append(nil)
	}
	return nil, bad(o.Subtype().String(), 0, ErrKind)
}

func (v *vector) checkAddAddr(t *testing.T) {
	key := unhex(t, v.HMACKey)
	full := hmacSHA256(key, unhex(t, v.HMACMsg))
	assert.Equal(t, v.Full, hex.EncodeToString(full[:]))
	a, err := ParseAddAddr(unhex(t, v.Option), v.Version)
	require.NoError(t, err)
	require.True(t, a.HasHMAC)
	want := AddAddrHMAC(beKey(key), beKey(key[8:]), a.ID, a.Addr, a.Port)
	assert.Equal(t, binary.BigEndian.Uint64(full[24:]), want)
	assert.Equal(t, hexNum(t, v.Rightmost), a.HMAC)
	// The one that is not verified has the leftmost bits: a kernel before the RFC.
	assert.Equal(t, *v.Verified, want == a.HMAC)
	if !*v.Verified {
		assert.Equal(t, binary.BigEndian.Uint64(full[:]), a.HMAC)
	}
}

func (v *vector) checkJoinHMAC(t *testing.T) {
	key, msg := unhex(t, v.HMACKey), unhex(t, v.HMACMsg)
	own, peer := beKey(key), beKey(key[8:])
	ownNonce, peerNonce := binary.BigEndian.Uint32(msg), binary.BigEndian.Uint32(msg[4:])
	full := JoinHMAC(v.Version, own, peer, ownNonce, peerNonce)
	assert.Equal(t, v.Full, hex.EncodeToString(full[:len(v.Full)/2]))
	if v.Version == V0 {
		assert.Equal(t, [12]byte{}, [12]byte(full[20:]))
	}
	m, err := ParseMPJoin(unhex(t, v.Option))
	require.NoError(t, err)
	if v.Trunc64 != "" {
		assert.Equal(t, JoinSYNACK, m.Form)
		assert.Equal(t, ownNonce, m.Nonce)
		assert.Equal(t, hexNum(t, v.Trunc64), m.HMAC64)
		assert.Equal(t, m.HMAC64, JoinHMAC64(v.Version, own, peer, ownNonce, peerNonce))
		return
	}
	assert.Equal(t, JoinACK, m.Form)
	assert.Equal(t, v.Trunc160, hex.EncodeToString(m.HMAC[:]))
	assert.Equal(t, m.HMAC, JoinHMAC160(v.Version, own, peer, ownNonce, peerNonce))
}

// dssSum is the checksum of RFC 8684 section 3.3.1, written out as the RFC draws
// its pseudo-header.
func dssSum(dsn uint64, ssn uint32, dll uint16, payload checksum.Sum) uint16 {
	return checksum.Sum(0).AddUint64(dsn).AddUint32(ssn).AddUint16(dll).Add(payload).Checksum()
}

func (v *vector) checkDSS(t *testing.T) {
	d, err := ParseDSS(unhex(t, v.Option))
	require.NoError(t, err)
	require.True(t, d.HasSum)
	assert.Equal(t, hexNum(t, v.Csum), uint64(d.Sum))
	assert.Equal(t, v.SSN, d.SSN)
	assert.Equal(t, v.DLL, d.DataLen)
	assert.Equal(t, v.DataFin, d.Flags.Has(DSSFin))
	dsn := v.dsn(t)
	if v.DSNBits == 32 {
		assert.EqualValues(t, uint32(dsn), d.DSN)
	} else {
		assert.Equal(t, dsn, d.DSN)
	}
	pseudo := binary.BigEndian.AppendUint64(nil, dsn)
	pseudo = binary.BigEndian.AppendUint32(pseudo, d.SSN)
	pseudo = append(binary.BigEndian.AppendUint16(pseudo, d.DataLen), 0, 0)
	assert.Equal(t, v.Pseudo, hex.EncodeToString(pseudo))
	if v.DataFin && v.DLL == 1 { // R3.3.3-03: no payload, SSN 0
		assert.Zero(t, d.SSN)
	}
	if v.Payload == nil {
		return // only its hash was kept
	}
	payload := unhex(t, *v.Payload)
	require.Len(t, payload, v.PayLen)
	hash := sha256.Sum256(payload)
	assert.Equal(t, v.PaySHA, hex.EncodeToString(hash[:]))
	good := dssSum(dsn, d.SSN, d.DataLen, checksum.Of(payload)) == d.Sum
	assert.Equal(t, *v.Verified, good)
	// R3.3.1-06: the same from parts, cut at odd offsets too.
	for cut := range min(len(payload), 40) {
		parts := checksum.Of(payload[:cut]).AddAt(checksum.Of(payload[cut:]), uint64(cut))
		assert.Equal(t, checksum.Of(payload), parts)
	}
}

func (v *vector) checkCapableData(t *testing.T) {
	m, err := ParseMPCapable(unhex(t, v.Option))
	require.NoError(t, err)
	require.True(t, m.HasSum)
	dsn := m.Sender.IDSN(v.Version) + 1 // R3.1-44: the SYN took the first
	assert.Equal(t, v.dsn(t), dsn)
	assert.Equal(t, v.DLL, m.DataLen)
	require.NotNil(t, v.Payload)
	assert.Equal(t, m.Sum, dssSum(dsn, 1, m.DataLen, checksum.Of(unhex(t, *v.Payload))))
	assert.EqualValues(t, hexNum(t, v.Csum), m.Sum)
	assert.True(t, m.Fits(ACK, len(*v.Payload)/2))
}

// The worked example of a checksum over one octet, version 0: the same pseudo-header
// as version 1 (V0-11), the DSN whole although 32 bits travel (R3.3.1-05).
func TestWorkedDSSChecksum(t *testing.T) {
	idsn := Key(0x9b59be3d695e66a7).IDSN(V0)
	assert.Equal(t, uint64(0x6842b501b1712fb5), idsn)
	d, err := ParseDSS(unhex(t, "1e142005c9dc1c61b1712fb60000000100019e91"))
	require.NoError(t, err)
	assert.Equal(t, d.Sum, dssSum(idsn+1, d.SSN, d.DataLen, checksum.Of([]byte{0x63})))
}

// R3.3.1-21: an infinite mapping has length 0, and checksum 0 where one is sent.
func TestInfiniteMapping(t *testing.T) {
	d := DSS{Flags: DSSMap, HasSum: true, DSN: 7, SSN: 0x459}
	o, err := d.Append(nil)
	require.NoError(t, err)
	assert.Equal(t, "1e10200400000007000004590000"+"0000", hex.EncodeToString(o))
	back, err := ParseDSS(Option(o))
	require.NoError(t, err)
	assert.Equal(t, d, back)
}

// An IPv4-mapped address is one of 16 octets, on the wire and in the HMAC.
func TestAddAddrHMACFamilies(t *testing.T) {
	v4 := netip.MustParseAddr("10.0.2.2")
	mapped := netip.AddrFrom16(v4.As16())
	assert.NotEqual(t, AddAddrHMAC(1, 2, 3, v4, 0), AddAddrHMAC(1, 2, 3, mapped, 0))
}
