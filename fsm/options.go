package fsm

import "github.com/mptcp-go/mptcp/wire"

// options are the Multipath TCP options of one segment. Of each subtype the first
// that is well formed counts; malformed ones are as good as absent (R3.1-05), and
// unknown subtypes are passed over (R2-02).
type options struct {
	signal  bool // there is one that is no DSS
	refused bool // set by takeDSS: there was no room for the mapping, so the data cannot be kept

	hasDSS, hasCapable, hasJoin, hasAdd, hasRemove, hasPrio, hasFail, hasFastclose, hasRst bool

	dss       wire.DSS
	capable   wire.MPCapable
	join      wire.MPJoin
	add       wire.AddAddr
	remove    wire.RemoveAddr // aliases the segment
	prio      wire.MPPrio
	fail      wire.MPFail
	fastclose wire.MPFastclose
	rst       wire.MPTCPRst
}

// data reports whether there is an option that is about the data stream. That such
// options pass is what Multipath TCP depends on; a box may leave others alone.
func (o *options) data() bool { return o.hasDSS || o.hasCapable && o.capable.HasData }

func (o *options) parse(b wire.Options, v wire.Version) {
	*o = options{}
	for {
		opt, rest, ok := b.Next()
		if !ok {
			return
		}
		b = rest
		if opt.Kind() != wire.KindMPTCP || len(opt) < 3 {
			continue
		}
		if opt.Subtype() != wire.SubDSS {
			o.signal = true
		}
		o.one(opt, v)
	}
}

func (o *options) one(opt wire.Option, v wire.Version) {
	switch opt.Subtype() {
	case wire.SubDSS:
		if !o.hasDSS {
			o.hasDSS = o.dss.Parse(opt) == nil
		}
	case wire.SubMPCapable:
		if !o.hasCapable {
			o.hasCapable = keep(&o.capable, wire.ParseMPCapable, opt)
		}
	case wire.SubMPJoin:
		if !o.hasJoin {
			o.hasJoin = keep(&o.join, wire.ParseMPJoin, opt)
		}
	case wire.SubAddAddr:
		if a, err := wire.ParseAddAddr(opt, v); err == nil && !o.hasAdd {
			o.add, o.hasAdd = a, true
		}
	case wire.SubRemoveAddr:
		if !o.hasRemove {
			o.hasRemove = keep(&o.remove, wire.ParseRemoveAddr, opt)
		}
	case wire.SubMPPrio:
		// Version 1 has 3 octets only, and Linux ignores the 4 of version 0.
		if p, err := wire.ParseMPPrio(opt); err == nil && !o.hasPrio && (v == wire.V0 || !p.HasID) {
			o.prio, o.hasPrio = p, true
		}
	case wire.SubMPFail:
		if !o.hasFail {
			o.hasFail = keep(&o.fail, wire.ParseMPFail, opt)
		}
	case wire.SubMPFastclose:
		if !o.hasFastclose {
			o.hasFastclose = keep(&o.fastclose, wire.ParseMPFastclose, opt)
		}
	case wire.SubMPTCPRst:
		if !o.hasRst {
			o.hasRst = keep(&o.rst, wire.ParseMPTCPRst, opt)
		}
	}
}

func keep[T any](dst *T, parse func(wire.Option) (T, error), opt wire.Option) bool {
	v, err := parse(opt)
	if err == nil {
		*dst = v
	}
	return err == nil
}
