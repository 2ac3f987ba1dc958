package wire

import "iter"

// MaxOptions is the number of octets a TCP header has for options.
const MaxOptions = 40

// Option kinds (IANA "TCP Parameters").
const (
	KindEOL           = 0
	KindNOP           = 1
	KindMSS           = 2
	KindWindowScale   = 3
	KindSACKPermitted = 4
	KindSACK          = 5
	KindTimestamps    = 8
	KindMPTCP         = 30
	KindFastOpen      = 34
	KindExperiment1   = 253
	KindExperiment2   = 254
)

// Options is the option block of a TCP header as it stands on the wire.
type Options []byte

// Option is one whole option: kind, length, value. It is never shorter than its
// length octet says.
type Option []byte

// Kind is the option's first octet.
func (o Option) Kind() uint8 { return o[0] }

// Data is what follows kind and length; empty for EOL and NOP.
func (o Option) Data() []byte {
	if len(o) < 2 {
		return nil
	}
	return o[2:]
}

// Next splits the first option off o, skipping NOPs. It reports false at the end
// of the list: at EOL, when nothing is left, or at an option whose length lies
// (then Check names the place).
func (o Options) Next() (opt Option, rest Options, ok bool) {
	for len(o) >= 2 {
		if o[0] == KindNOP {
			o = o[1:]
			continue
		}
		n := int(o[1])
		if o[0] == KindEOL || n < 2 || n > len(o) {
			return nil, nil, false
		}
		return Option(o[:n:n]), o[n:], true
	}
	return nil, nil, false
}

// All yields the options that Next finds, in wire order, without NOP and EOL.
func (o Options) All() iter.Seq[Option] {
	// Walked by index, not by Next: to cut a slice waits for the length octet and
	// then some, to add it to an index is one instruction.
	return func(yield func(Option) bool) {
		for i := uint(0); i+1 < uint(len(o)); {
			if o[i] <= KindNOP {
				if o[i] == KindEOL {
					return
				}
				i++
				continue
			}
			n := uint(o[i+1])
			if n < 2 || i+n > uint(len(o)) || !yield(Option(o[i:i+n:i+n])) {
				return
			}
			i += n
		}
	}
}

// Pieces cuts the whole block up, in wire order and without a gap: options as All
// yields them, each NOP, the EOL with the zeros behind it, and whatever cannot be
// read as an option (a length that lies, octets hidden behind the EOL) up to the
// end as one last piece. Only for display: that last one may be shorter than its
// length octet says, or have none.
func (o Options) Pieces() iter.Seq[Option] {
	return func(yield func(Option) bool) {
		for i := 0; i < len(o); {
			end := i + 1
			if o[i] != KindNOP {
				if _, rest, ok := o[i:].Next(); ok {
					end = len(o) - len(rest)
				} else {
					end = len(o)
					if zeros := i + zeroPrefix(o[i:]); zeros > i {
						end = zeros
					}
				}
			}
			if !yield(Option(o[i:end:end])) {
				return
			}
			if i < end && o[i] == KindEOL && end < len(o) {
				yield(Option(o[end:])) // hidden: to no receiver an option
				return
			}
			i = end
		}
	}
}

func zeroPrefix(b []byte) int {
	for i, v := range b {
		if v != 0 {
			return i
		}
	}
	return len(b)
}

// MPTCP yields the options of kind 30 that have a subtype.
func (o Options) MPTCP() iter.Seq[Option] {
	return func(yield func(Option) bool) {
		for {
			opt, rest, ok := o.Next()
			if !ok {
				return
			}
			if opt[0] == KindMPTCP && len(opt) >= 3 && !yield(opt) {
				return
			}
			o = rest
		}
	}
}

// Find returns the first option of that kind.
func (o Options) Find(kind uint8) (Option, bool) {
	for opt := range o.All() {
		if opt.Kind() == kind {
			return opt, true
		}
	}
	return nil, false
}

// FindMPTCP returns the first MPTCP option of that subtype.
func (o Options) FindMPTCP(st Subtype) (Option, bool) {
	for opt := range o.MPTCP() {
		if opt.Subtype() == st {
			return opt, true
		}
	}
	return nil, false
}

// Check says whether the block is a well-formed list: each length at least 2 and
// inside the block. The offset of the error counts from the start of the block.
// Receivers ignore what follows such an option (RFC 9293 section 3.1, MUST-7).
func (o Options) Check() error {
	for i := 0; i < len(o); {
		switch o[i] {
		case KindEOL:
			return nil
		case KindNOP:
			i++
			continue
		}
		if i+1 >= len(o) {
			return bad("TCP option length", i, ErrTruncated)
		}
		n := int(o[i+1])
		if n < 2 {
			return bad("TCP option length", i+1, ErrLength)
		}
		if i+n > len(o) {
			return bad("TCP option", i, ErrTruncated)
		}
		i += n
	}
	return nil
}

// grow makes room for n octets more, within the 40 that TCP has.
func (o Options) grow(n int) (Options, []byte, error) {
	at := len(o)
	if at+n > MaxOptions {
		return o, nil, errOptionSpace
	}
	if cap(o) >= at+n {
		o = o[:at+n]
	} else {
		o = append(o, make([]byte, n)...)
	}
	return o, o[at:], nil
}

// errOptionSpace is made once: callers try, and fall back when it does not fit.
var errOptionSpace error = &ParseError{What: "TCP options", Offset: MaxOptions, Err: ErrOptionSpace}

// AppendRaw appends the octets of one whole option.
func (o Options) AppendRaw(opt Option) (Options, error) {
	o, b, err := o.grow(len(opt))
	if err == nil {
		copy(b, opt)
	}
	return o, err
}

// AppendNOP appends n one-octet fillers.
func (o Options) AppendNOP(n int) (Options, error) {
	o, b, err := o.grow(n)
	for i := range b {
		b[i] = KindNOP
	}
	return o, err
}

// Padded is the block's size in the header: rounded up to a multiple of four.
func (o Options) Padded() int { return (len(o) + 3) &^ 3 }
