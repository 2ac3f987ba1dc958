package fields_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/fields"
	"github.com/mptcp-go/mptcp/wire"
)

func TestJSONFields(t *testing.T) {
	var b bytes.Buffer
	w := fields.NewJSONWriter(&b, fields.JSONOptions{Fields: []fields.ID{
		id(t, "tcp.len"), id(t, "ipv6.src"), id(t, "tcp.port"), id(t, "frame.comment"),
	}})
	r := rowOf(pcap.LinkEthernet, ethernetFrame(1000, 5001, wire.ACK, nil, nil))
	require.NoError(t, w.Write(r))
	r = fields.NewExtractor().Frame(&pcap.Frame{Link: pcap.LinkRaw, Comments: []string{"\"\\\n\t\x01\xff"}})
	require.NoError(t, w.Write(r))
	require.NoError(t, w.Close())
	// As tshark 4.0 prints it, but for the day, which it takes from the clock if a frame
	// has no time.
	require.Equal(t, `[
  {
    "_index": "packets-2023-11-14",
    "_type": "doc",
    "_score": null,
    "_source": {
      "layers": {
        "tcp.len": [
          "0"
        ],
        "tcp.port": [
          "1000",
          "5001"
        ],
        "frame.comment": [
          "lost \"twice\""
        ]
      }
    }
  },
  {
    "_index": "packets",
    "_type": "doc",
    "_score": null,
    "_source": {
      "layers": {
        "frame.comment": [
          "\"\\\n\t\u0001`+"\ufffd"+`"
        ]
      }
    }
  }
]
`, b.String())
	require.True(t, json.Valid(b.Bytes()))
}

func TestJSONLayers(t *testing.T) {
	capable := []byte{30, 12, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 34, 2, 1, 1}
	for _, omit := range []bool{false, true} {
		var b bytes.Buffer
		w := fields.NewJSONWriter(&b, fields.JSONOptions{OmitSecrets: omit})
		require.NoError(t, w.Write(rowOf(pcap.LinkEthernet, ethernetFrame(1000, 5001, wire.SYN, capable, nil))))
		require.NoError(t, w.Write(rowOf(pcap.LinkRaw, nil)))
		require.NoError(t, w.Close())
		var got []struct {
			Source struct {
				Layers map[string]map[string]any `json:"layers"`
			} `json:"_source"`
		}
		require.NoError(t, json.Unmarshal(b.Bytes(), &got), b.String())
		require.Len(t, got, 2)
		layers := got[0].Source.Layers
		require.Equal(t, "10.0.0.1", layers["ip"]["ip.src"])
		require.Equal(t, []any{"1000", "5001"}, layers["tcp"]["tcp.port"])
		require.Equal(t, "", layers["tcp"]["tcp.options.tfo.request"])
		require.Equal(t, "3441844757", layers["mptcp"]["mptcp.expected_token"])
		require.NotContains(t, layers["tcp"], "tcp")
		if omit {
			require.NotContains(t, layers["tcp"], "tcp.options.mptcp.sendkey")
			require.NotContains(t, layers["tcp"], "tcp.options")
		} else {
			require.Equal(t, "1", layers["tcp"]["tcp.options.mptcp.sendkey"])
		}
		require.NotContains(t, got[1].Source.Layers, "tcp")
		require.Equal(t, "0", got[1].Source.Layers["frame"]["frame.len"])
	}
}

func TestJSONEmpty(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, fields.NewJSONWriter(&b, fields.JSONOptions{}).Close())
	require.Equal(t, "[]\n", b.String())
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestJSONError(t *testing.T) {
	w := fields.NewJSONWriter(broken{}, fields.JSONOptions{})
	require.Error(t, w.Write(rowOf(pcap.LinkRaw, nil)))
	require.Error(t, w.Close())
}
