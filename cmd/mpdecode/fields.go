package main

import (
	"fmt"
	"strings"

	"github.com/mptcp-go/mptcp/pcap/fields"
	"github.com/spf13/pflag"
)

func fieldsCommand() *command {
	return &command{
		name:  "fields",
		usage: "[flags] [PATTERN]",
		short: "list the names for -e and -Y",
		examples: `
			mpdecode fields
			mpdecode fields mptcp
			mpdecode fields --json addr`,
		text: `Lists the fields whose name or description contains PATTERN, in any case: name, type and
meaning. Names and values are tshark's; those under mpd. are ours.`,
		flags: func(f *pflag.FlagSet, o *options) { o.printing(f) },
		run:   (*app).listFields,
	}
}

// fieldRecord is a field as --json prints it.
type fieldRecord struct {
	Schema  int    `json:"schema"`
	Type    string `json:"type"` // "field"
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Meaning string `json:"meaning"`
	Secret  bool   `json:"secret"`
}

func (a *app) listFields(cmd *command) int {
	if len(a.opt.args) > 1 {
		return a.usageError(cmd, "one pattern at the most")
	}
	pattern := strings.ToLower(strings.Join(a.opt.args, ""))
	rows := [][]cell{cells("field", "type", "meaning")}
	for _, name := range fields.Names() {
		f, _ := fields.Lookup(name)
		if !strings.Contains(f.Name, pattern) && !strings.Contains(strings.ToLower(f.Help), pattern) {
			continue
		}
		if a.opt.json {
			a.put(&fieldRecord{schema, "field", f.Name, f.Type.String(), f.Help, f.Secret})
		}
		rows = append(rows, []cell{left(f.Name), left(f.Type.String()), left(f.Help)})
	}
	if len(rows) == 1 {
		text := ""
		if near := fields.Suggest(pattern); len(near) > 0 {
			text = fmt.Sprintf(" (%s?)", strings.Join(near, ", "))
		}
		a.complain("no field matches %q%s", pattern, text)
		return exitNoMatch
	}
	if !a.opt.json {
		a.paint.table(a.out, "", rows)
	}
	return exitClean
}
