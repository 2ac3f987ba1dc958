package main

import (
	"encoding/json"

	"github.com/mptcp-go/mptcp/pcap/trace"
)

const schema = 1

// findingRecord is a finding as --json prints it.
type findingRecord struct {
	Schema   int      `json:"schema"`
	Type     string   `json:"type"` // "finding"
	ID       string   `json:"id"`
	Severity string   `json:"severity"`
	File     string   `json:"file,omitempty"` // with --each
	Conn     *int     `json:"conn"`
	Subflow  *int     `json:"subflow"`
	Frames   []int    `json:"frames"`
	Files    []string `json:"files,omitempty"` // of each frame, where several were read
	Count    int      `json:"count"`
	RFC      string   `json:"rfc"`
	Counter  string   `json:"counter,omitempty"`
	Cause    string   `json:"cause"`
	Advice   string   `json:"advice"`
	Excluded []string `json:"excluded,omitempty"`
}

// captureRecord is about everything that was read.
type captureRecord struct {
	Schema      int      `json:"schema"`
	Type        string   `json:"type"` // "capture"
	Files       []string `json:"files"`
	Packets     int      `json:"packets"`
	TCP         int      `json:"tcp"`
	MPTCP       int      `json:"mptcp_packets"`
	BadChecksum int      `json:"tcp_bad_checksum"`
	Offloaded   int      `json:"tcp_offloaded_checksum"`
	Truncated   int      `json:"truncated"`
	Duplicates  int      `json:"duplicates"`
	Tunnelled   int      `json:"tunnelled"`
	Fragments   int      `json:"fragments"`
	NotDecoded  int      `json:"not_decoded"`
	NotTCP      int      `json:"not_tcp"`
	NotIP       int      `json:"not_ip"`
	Connections int      `json:"connections"`
	Subflows    int      `json:"subflows"`
	Forgotten   int      `json:"connections_forgotten"` // to keep memory bounded
	Complete    bool     `json:"complete"`              // every input was read to its end
}

// looseSubflow is a flow of no connection, or of one that was inferred only.
type looseSubflow struct {
	*trace.SubflowRecord
	Inferred *int   `json:"inferred_conn,omitempty"`
	File     string `json:"file,omitempty"`
}

// put prints one line of JSON.
func (a *app) put(v any) {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false) // the text form is full of < and >
	if err := e.Encode(v); err != nil && a.failed == nil {
		a.failed = err
	}
}

func (a *app) newFindingRecord(f trace.Finding, files []string) *findingRecord {
	r := &findingRecord{
		Schema: schema, Type: "finding", ID: f.ID, Severity: f.Severity.String(), Frames: []int{}, Count: f.Count,
		RFC: f.RFC, Counter: f.Counter, Cause: f.Cause, Advice: f.Advice, Excluded: f.Excluded,
	}
	if f.Conn != nil {
		r.Conn = &f.Conn.ID
	}
	if f.Subflow != nil {
		r.Subflow = &f.Subflow.ID
	}
	for _, ref := range f.Frames {
		r.Frames = append(r.Frames, ref.Frame())
		if len(files) > 1 && ref.File() < len(files) {
			r.Files = append(r.Files, files[ref.File()])
		}
	}
	if a.opt.each {
		r.File = files[0]
	}
	return r
}

// records prints connections, flows without one, and findings.
func (a *app) records(t *trace.Tracker, files []string, conns []*trace.Conn) {
	for _, c := range conns {
		r := t.Record(c, a.opt.showKeys)
		if a.opt.each {
			r.File = files[0]
		}
		a.put(r)
	}
	if a.opt.conn < 0 {
		for _, sf := range t.Subflows() {
			if sf.Conn == nil || sf.Conn.Inferred {
				r := looseSubflow{SubflowRecord: t.SubflowRecord(sf)}
				r.Schema, r.Type = schema, "subflow"
				if sf.Conn != nil {
					r.Conn, r.InitiatedBy, r.Inferred = nil, 0, &sf.Conn.ID
				}
				if a.opt.each {
					r.File = files[0]
				}
				a.put(r)
			}
		}
	}
	for _, f := range a.selected(t) {
		a.put(a.newFindingRecord(f, files))
	}
}

func (a *app) captureRecord(t *trace.Tracker, files []string) {
	n := &t.Totals
	a.put(&captureRecord{
		Schema: schema, Type: "capture", Files: files, Packets: n.Packets, TCP: n.TCP, MPTCP: n.MPTCP,
		BadChecksum: n.BadSum, Offloaded: n.PartialSum, Truncated: n.Truncated, Duplicates: n.Duplicates,
		Tunnelled: n.Tunnelled, Fragments: n.Fragments, NotDecoded: n.Malformed + n.Unsupported, NotTCP: n.NotTCP,
		NotIP: n.NotIP, Connections: len(t.Conns()), Subflows: len(t.Subflows()), Forgotten: n.ForgottenConns,
		Complete: !a.damaged,
	})
}
