package main

import (
	"fmt"
	"strings"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
	"github.com/spf13/pflag"
)

// options is what the command line said. Not every command has every flag.
type options struct {
	hostOptions
	pumpOptions
	args    []string // what is no flag
	version bool
	quiet   bool
	json    bool

	// Boxes.
	do   []string
	lies []string
	seed uint64

	// middlebox
	left, right string

	// listen
	http string
	once bool

	// forward
	reverse bool

	// demo
	amount  string
	output  string
	all     bool
	onePath bool
}

// boxes registers what commands have that put elements on a path.
func (o *options) boxes(f *pflag.FlagSet, usage string) {
	f.StringArrayVar(&o.do, "do", nil, usage+": `ELEMENT` as listed below; repeatable, from left to right")
	f.Uint64Var(&o.seed, "seed", 1, "`N` that decides what the elements leave to chance (1 by default)")
}

// elements makes the elements of --do.
func (o *options) elements() ([]netsim.Element, error) {
	var els []netsim.Element
	for _, spec := range o.do {
		el, err := mbox.Parse(spec)
		if err != nil {
			return nil, fmt.Errorf("--do %q: %w", spec, err)
		}
		els = append(els, el)
	}
	return els, nil
}

// lying registers --lie.
func (o *options) lying(f *pflag.FlagSet) {
	f.StringArrayVar(&o.lies, "lie", nil, "misbehave on purpose in what is sent: `WHAT[@WHEN]`, with WHAT of the list below and "+
		"WHEN a moment (3whs, 5000B, 20p, 2s) or fields (count=1,on=data); repeatable")
}

// liars makes n times the elements of --lie, for as many paths.
func (o *options) liars(n int) ([][]netsim.Element, error) {
	all := make([][]netsim.Element, n)
	for _, text := range o.lies {
		spec := lieSpec(text)
		for i := range all {
			el, err := mbox.Parse(spec)
			if err != nil {
				return nil, fmt.Errorf("--lie %q: %w", text, err)
			}
			all[i] = append(all[i], el)
		}
	}
	return all, nil
}

// lieSpec turns WHAT[@WHEN] into the specification of an element that lies forward.
func lieSpec(text string) string {
	what, when, _ := strings.Cut(text, "@")
	spec := "lie " + strings.ReplaceAll(what, "+", " ") + " dir=c2s"
	for field := range strings.SplitSeq(when, ",") {
		switch {
		case field == "":
		case strings.Contains(field, "="):
			spec += " " + field
		default:
			spec += " after=" + field
		}
	}
	return spec
}

// settle checks what flags say that several commands have.
func (o *options) settle() error {
	if _, err := o.elements(); err != nil {
		return err
	}
	if _, err := o.liars(1); err != nil {
		return err
	}
	if err := o.pumpOptions.settle(); err != nil {
		return err
	}
	return o.hostOptions.settle()
}
