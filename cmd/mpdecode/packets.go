package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/fields"
	"github.com/mptcp-go/mptcp/pcap/trace"
)

// filter is a display filter; nil matches everything.
type filter struct{ *fields.Filter }

func (f *filter) matches(row *fields.Row) bool { return f == nil || f.Match(row) }

// filter compiles -Y. It complains itself.
func (a *app) filter(cmd *command) (*filter, int) {
	if a.opt.filter == "" {
		return nil, exitClean
	}
	f, err := fields.Compile(a.opt.filter)
	if err != nil {
		text := err.Error()
		if e := (*fields.FilterError)(nil); errors.As(err, &e) {
			text += "\n  " + strings.ReplaceAll(e.Caret(), "\n", "\n  ")
		}
		return nil, a.usageError(cmd, "%s", text)
	}
	return &filter{f}, exitClean
}

// setStream says which connection a frame belongs to.
func setStream(row *fields.Row, hit trace.Hit) {
	sf := hit.Subflow
	if sf == nil || sf.Conn == nil || sf.Conn.ID < 0 {
		return
	}
	row.SetStream(sf.Conn.ID, sf.Conn.Subflows[0] == sf)
}

// layout is what -E says.
type layout struct {
	header     bool
	separator  string
	aggregator string
	occurrence byte // f, l or a
	quote      string
}

// parseLayout reads -E options.
func parseLayout(list []string) (layout, error) {
	l := layout{separator: "\t", aggregator: ",", occurrence: 'a'}
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return l, fmt.Errorf("-E %s: not of the form NAME=VALUE", text)
		}
		char := func(p *string) error {
			switch {
			case value == "/t":
				*p = "\t"
			case value == "/s":
				*p = " "
			case len(value) == 1:
				*p = value
			default:
				return fmt.Errorf("-E %s: one character is wanted, or /t or /s", text)
			}
			return nil
		}
		var err error
		switch name {
		case "header":
			l.header = value == "y"
			if value != "y" && value != "n" {
				err = fmt.Errorf("-E %s: y or n is wanted", text)
			}
		case "separator":
			err = char(&l.separator)
		case "aggregator":
			err = char(&l.aggregator)
		case "occurrence":
			if len(value) != 1 || !strings.Contains("fla", value) {
				err = fmt.Errorf("-E %s: f (first), l (last) or a (all) is wanted", text)
			} else {
				l.occurrence = value[0]
			}
		case "quote":
			q, known := map[string]string{"d": `"`, "s": "'", "n": ""}[value]
			if l.quote = q; !known {
				err = fmt.Errorf("-E %s: d (double), s (single) or n (none) is wanted", text)
			}
		default:
			err = fmt.Errorf("-E %s: known are header, separator, aggregator, occurrence, quote", text)
		}
		if err != nil {
			return l, err
		}
	}
	return l, nil
}

// fieldIDs looks the names of -e up.
func fieldIDs(names []string) ([]fields.ID, error) {
	ids := make([]fields.ID, len(names))
	var unknown []string
	for i, name := range names {
		f, ok := fields.Lookup(name)
		if !ok {
			if near := fields.Suggest(name); len(near) > 0 {
				name += " (" + strings.Join(near, ", ") + "?)"
			}
			unknown = append(unknown, name)
		}
		ids[i] = f.ID
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("no such field: %s; `mpdecode fields` lists them", strings.Join(unknown, "; "))
	}
	return ids, nil
}

// runPackets is the root command with -T, -e or -Y.
func (a *app) runPackets(cmd *command) int {
	match, code := a.filter(cmd)
	if code != exitClean {
		return code
	}
	if a.opt.write != "" {
		return a.usageError(cmd, "-w and -T exclude each other")
	}
	ids, err := fieldIDs(a.opt.names)
	if err != nil {
		return a.usageError(cmd, "%v", err)
	}
	l, err := parseLayout(a.opt.separator)
	if err != nil {
		return a.usageError(cmd, "%v", err)
	}
	switch format := a.opt.format; {
	case format == "text" || format == "" && len(ids) == 0:
		return a.perAnalysis(func(files []string) int { return a.list(files, match) })
	case format == "json":
		return a.perAnalysis(func(files []string) int { return a.jsonPackets(files, match, ids) })
	case format == "fields" && len(ids) == 0:
		return a.usageError(cmd, "-T fields wants at least one -e NAME; `mpdecode fields` lists them")
	case format == "fields" || format == "":
		return a.perAnalysis(func(files []string) int { return a.fieldPackets(files, match, ids, l) })
	default:
		return a.usageError(cmd, "-T %s: known are fields, json, text", format)
	}
}

// rows hands over the rows of the frames that are selected. Frames that another file
// has shown already are left out.
func (a *app) rows(files []string, match *filter, show func(*fields.Row)) int {
	t := a.newTracker(files, trace.Config{})
	x := fields.NewExtractor()
	count := 0
	live := a.live(files)
	var member map[int]bool
	if a.opt.conn >= 0 && !live {
		var ok bool
		if member, ok = a.members(files); !ok {
			return exitNoMatch
		}
	}
	a.each(files, func(file int, f *pcap.Frame) bool {
		dups := t.Totals.Duplicates
		hit := t.Add(file, f)
		if len(files) > 1 && t.Totals.Duplicates > dups {
			return true
		}
		row := x.Frame(f)
		setStream(row, hit)
		if a.wanted(hit, member) && match.matches(row) {
			count++
			show(row)
			if live {
				a.out.Flush()
			}
		}
		return true
	})
	if count == 0 {
		return exitNoMatch
	}
	return exitClean
}

func (a *app) jsonPackets(files []string, match *filter, ids []fields.ID) int {
	w := fields.NewJSONWriter(a.out, fields.JSONOptions{
		Fields: ids, OmitSecrets: !a.opt.showKeys && len(ids) == 0,
	})
	code := a.rows(files, match, func(row *fields.Row) { w.Write(row) })
	w.Close() // a.out keeps its first error, and run reports it
	return code
}

func (a *app) fieldPackets(files []string, match *filter, ids []fields.ID, l layout) int {
	if l.header {
		fmt.Fprintln(a.out, strings.Join(a.opt.names, l.separator))
	}
	var line, value []byte
	return a.rows(files, match, func(row *fields.Row) {
		line = line[:0]
		for i, id := range ids {
			if i > 0 {
				line = append(line, l.separator...)
			}
			if !row.Has(id) {
				continue
			}
			value = l.value(value[:0], row, id)
			line = append(line, l.quote...)
			line = append(line, value...)
			line = append(line, l.quote...)
		}
		a.out.Write(append(line, '\n'))
	})
}

// value appends the occurrences asked for.
func (l *layout) value(b []byte, row *fields.Row, id fields.ID) []byte {
	if l.occurrence == 'a' {
		return row.Append(b, id, l.aggregator)
	}
	const apart = "\x00\x01\x00" // in no value but, at worst, a comment
	all := row.Append(nil, id, apart)
	if l.occurrence == 'f' {
		first, _, _ := bytes.Cut(all, []byte(apart))
		return append(b, first...)
	}
	if i := bytes.LastIndex(all, []byte(apart)); i >= 0 {
		all = all[i+len(apart):]
	}
	return append(b, all...)
}

// runWrite is -w: the packets of a connection, or those a filter selects, to a file.
func (a *app) runWrite(cmd *command) int {
	match, code := a.filter(cmd)
	if code != exitClean {
		return code
	}
	if a.opt.each && len(a.opt.files) > 1 {
		return a.usageError(cmd, "-w writes one file: it does not go with --each")
	}
	if slices.Contains(a.opt.files, a.opt.write) && a.opt.write != "-" || sameFile(a.opt.write, a.opt.files) {
		return a.usageError(cmd, "-w %s would overwrite what is being read", a.opt.write)
	}
	return a.verdictCode(a.write(a.opt.files, match))
}
