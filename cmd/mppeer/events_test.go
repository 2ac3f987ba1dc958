package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lines are the JSON lines of a text, and fails on any that is none.
func lines(t *testing.T, text string) (list []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &m), "%q", line)
		list = append(list, m)
	}
	return list
}

// schema is docs/events.md: fields and their types by section.
func schema(t *testing.T) map[string]map[string]string {
	text, err := os.ReadFile("../../docs/events.md")
	require.NoError(t, err)
	all := map[string]map[string]string{}
	section := ""
	for line := range strings.Lines(string(text)) {
		if title, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
			section = title
			all[section] = map[string]string{}
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if strings.HasPrefix(line, "| ") && !strings.Contains(line, "---") && len(cells) == 3 {
			if name := strings.TrimSpace(cells[0]); name != "field" {
				all[section][name] = strings.TrimSpace(cells[1])
			}
		}
	}
	return all
}

// conforms compares an object with a section of the page.
func conforms(t *testing.T, page map[string]map[string]string, section string, m map[string]any) {
	t.Helper()
	fields := maps.Clone(page[section])
	require.NotEmpty(t, fields, "no section %q", section)
	if !strings.Contains(section, ".") {
		maps.Copy(fields, page["every line"])
		if section == "edit" {
			delete(fields, "time")
		}
	}
	for name, v := range m {
		kind, ok := fields[name]
		if !assert.True(t, ok, "%s: %q is not on the page", section, name) {
			continue
		}
		delete(fields, name)
		switch strings.TrimSuffix(kind, "?") {
		case "number":
			assert.IsType(t, 0.0, v, "%s.%s", section, name)
		case "string":
			assert.IsType(t, "", v, "%s.%s", section, name)
		case "boolean":
			assert.IsType(t, false, v, "%s.%s", section, name)
		case "strings":
			for _, x := range v.([]any) {
				assert.IsType(t, "", x, "%s.%s", section, name)
			}
		case "objects":
			for _, x := range v.([]any) {
				conforms(t, page, section+"."+name, x.(map[string]any))
			}
		case "object":
			conforms(t, page, section+"."+name, v.(map[string]any))
		case "counts":
			for key, x := range v.(map[string]any) {
				assert.IsType(t, 0.0, x, "%s.%s.%s", section, name, key)
			}
		default:
			assert.Fail(t, "no such type", "%s.%s: %s", section, name, kind)
		}
	}
	for name, kind := range fields {
		assert.True(t, strings.HasSuffix(kind, "?"), "%s: %s is missing", section, name)
	}
}

// Every line that the program prints with --json is as docs/events.md says, and every type
// on the page is printed.
func TestEvents(t *testing.T) {
	page := schema(t)
	seen := map[string]bool{}
	check := func(texts ...string) {
		for _, text := range texts {
			for _, m := range lines(t, text) {
				kind := m["type"].(string)
				seen[kind] = true
				conforms(t, page, kind, m)
			}
		}
	}

	stream := random(200_000, 5)
	links := cable(2)
	server := runOver(t, links, nil, "listen", ":7", "--echo", "--json", "--path", "b1", "--path", "b2")
	server.says(`"listening"`)
	client := runOver(t, links, bytes.NewReader(stream), "connect", "10.1.1.2:7", "--json", "--path", "a1", "--path", "a2", "--lie", "checksum@count=1,after=20KB")
	client.ends(exitClean)
	require.Equal(t, sum(stream), sum([]byte(client.out.String())))
	server.stop <- syscall.SIGINT
	server.ends(exitClean)
	check(client.errors.String(), server.errors.String())

	links = cable(1)
	server = runOver(t, links, nil, "listen", ":80", "--http", t.TempDir(), "--json", "--path", "b1")
	server.says(`"listening"`)
	client = runOver(t, links, strings.NewReader("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"), "connect", "10.1.1.2:80", "--json", "--path", "a1", "--no-mptcp")
	client.ends(exitClean)
	server.stop <- syscall.SIGINT
	server.ends(exitClean)
	check(client.errors.String(), server.errors.String())

	links = cable(1)
	server = runOver(t, links, nil, "listen", ":9", "--discard", "--json", "--path", "b1")
	server.says(`"listening"`)
	typed, keys := io.Pipe()
	defer keys.Close()
	client = runOver(t, links, typed, "connect", "10.1.1.2:9", "--json", "--path", "a1")
	server.says(`"open"`)
	server.stop <- syscall.SIGINT
	server.says("once more sends MP_FASTCLOSE")
	server.stop <- syscall.SIGINT
	server.ends(exitClean)
	client.ends(exitFailed)
	check(client.errors.String(), server.errors.String())

	links = cable(1)
	box := runOver(t, links, nil, "middlebox", "--left", "a1", "--right", "b1", "--json")
	box.says("middlebox between")
	box.stop <- syscall.SIGINT
	box.ends(exitClean)
	check(box.out.String(), box.errors.String())

	failing := runOver(t, nil, nil, "connect", "10.1.1.2:80", "--json", "--path", "a1")
	failing.ends(exitFailed)
	check(failing.errors.String())

	for section := range page {
		if section != "every line" && section != "edit" && !strings.Contains(section, ".") {
			assert.True(t, seen[section], "no %q was printed", section)
		}
	}
}

// The last line has every counter, what became of the connections, and the cause where one
// fell back.
func TestFinalEvent(t *testing.T) {
	links := cable(2)
	server := runOver(t, links, nil, "listen", ":7", "--echo", "--json", "--once", "--path", "b1", "--path", "b2")
	server.says(`"listening"`)
	client := runOver(t, links, strings.NewReader("hello"), "connect", "10.1.1.2:7", "--json", "--path", "a1", "--path", "a2", "--lie", "flags@on=syn")
	client.ends(exitClean)
	server.ends(exitClean)
	require.Equal(t, "hello", client.out.String())

	var last struct {
		Type                                 string
		Connections, MPTCP, Failed, Subflows int
		Sent, Received                       uint64
		Causes                               map[string]int
		Counters                             map[string]map[string]uint64
		Links                                []struct {
			Name     string
			Counters map[string]uint64
		}
	}
	text := client.errors.String()
	require.NoError(t, json.Unmarshal([]byte(text[strings.LastIndex(strings.TrimSpace(text), "\n")+1:]), &last))
	assert.Equal(t, "final", last.Type)
	assert.Equal(t, [4]int{1, 0, 0, 1}, [4]int{last.Connections, last.MPTCP, last.Failed, last.Subflows})
	assert.Equal(t, [2]uint64{5, 5}, [2]uint64{last.Sent, last.Received})
	assert.Equal(t, map[string]int{"MPCapableFallbackSYNACK": 1}, last.Causes)
	assert.EqualValues(t, 1, last.Counters["mptcp"]["MPCapableFallbackSYNACK"])
	assert.EqualValues(t, 1, last.Counters["mptcp"]["MPCapableSYNTX"])
	assert.EqualValues(t, 1, last.Counters["tcp"]["ActiveOpens"])
	assert.Contains(t, last.Counters["stack"], "Unsendable")
	require.Len(t, last.Links, 2)
	assert.NotZero(t, last.Links[0].Counters["Sent"])
	assert.NotZero(t, last.Counters["tcp"]["OutSegs"])
}
