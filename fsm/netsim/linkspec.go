package netsim

import (
	"strconv"
	"strings"
	"time"
)

// ParseLink reads a link's specification:
//
//	link rate=8Mbit delay=10ms buffer=80ms loss=1% s2c.rate=1Mbit
//
// Fields, each for both directions, or for one with "c2s." or "s2c." before it:
// rate (bit/s, or with kbit, Mbit, Gbit), delay, jitter, buffer (octets, KB, KiB,
// or the time it takes to drain at that rate), mtu, loss, burst=enter/leave[/loss
// in the bad state[/loss in the good one]], reorder, by (how long a reordered
// packet is held back), dup, corrupt, down=2s-5s+9s- (a list of times), and the
// word noicmp. Probabilities are 0.01 or 1%. The error is a *SpecError.
func ParseLink(text string) (*Link, error) {
	s, err := ParseSpec(text)
	if err != nil {
		return nil, err
	}
	if s.Kind != "link" {
		s.Fail("not a link")
	}
	var c LinkConfig
	c.parse(s, "")
	c.NoICMP = s.Flag("noicmp")
	forward, reverse := c, c
	forward.parse(s, "c2s.")
	reverse.parse(s, "s2c.")
	if err := s.Err(); err != nil {
		return nil, err
	}
	return NewLinkPair(forward, reverse), nil
}

func (c *LinkConfig) parse(s *Spec, prefix string) {
	c.Rate = field(s, prefix+"rate", c.Rate, parseRate)
	c.Delay = s.Duration(prefix+"delay", c.Delay)
	c.Jitter = s.Duration(prefix+"jitter", c.Jitter)
	c.Buffer = field(s, prefix+"buffer", c.Buffer, func(v string) (int, error) {
		d, err := time.ParseDuration(v)
		if err != nil || d == 0 {
			return ParseOctets(v)
		}
		if c.Rate == 0 || d < 0 {
			return 0, strconv.ErrRange
		}
		return int(float64(c.Rate) * d.Seconds() / 8), nil
	})
	c.MTU = s.Int(prefix+"mtu", c.MTU, 0, 65535)
	c.Loss = field(s, prefix+"loss", c.Loss, parseChance)
	c.Burst = field(s, prefix+"burst", c.Burst, parseBurst)
	c.Reorder = field(s, prefix+"reorder", c.Reorder, parseChance)
	c.ReorderBy = s.Duration(prefix+"by", c.ReorderBy)
	c.Duplicate = field(s, prefix+"dup", c.Duplicate, parseChance)
	c.Corrupt = field(s, prefix+"corrupt", c.Corrupt, parseChance)
	c.Down = field(s, prefix+"down", c.Down, parseIntervals)
}

func parseRate(v string) (uint64, error) {
	return parseUnits(v, []unit{{"Gbit", 1e9}, {"Mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}})
}

func parseBurst(v string) (b Burst, err error) {
	b.LossBad = 1
	parts := strings.Split(v, "/")
	if len(parts) < 2 || len(parts) > 4 {
		return b, strconv.ErrSyntax
	}
	for i, to := range []*float64{&b.Enter, &b.Leave, &b.LossBad, &b.LossGood}[:len(parts)] {
		if *to, err = parseChance(parts[i]); err != nil {
			return b, err
		}
	}
	return b, nil
}

func parseIntervals(v string) (list []Interval, err error) {
	for _, part := range strings.Split(v, "+") {
		from, to, ok := strings.Cut(part, "-")
		if !ok {
			return nil, strconv.ErrSyntax
		}
		var i Interval
		if i.From, err = time.ParseDuration(from); err != nil {
			return nil, err
		}
		if to != "" {
			if i.To, err = time.ParseDuration(to); err != nil {
				return nil, err
			}
			if i.To <= i.From {
				return nil, strconv.ErrRange
			}
		}
		list = append(list, i)
	}
	return list, nil
}

// String is a specification that ParseLink reads back.
func (l *Link) String() string {
	b := strings.Builder{}
	b.WriteString("link")
	f, r := l.conf[Forward].fields(), l.conf[Reverse].fields()
	for i := range f {
		name, v, w := f[i].name, f[i].value, r[i].value
		if v == w {
			put(&b, name, v)
			continue
		}
		put(&b, "c2s."+name, v)
		put(&b, "s2c."+name, w)
	}
	if l.conf[Forward].NoICMP {
		b.WriteString(" noicmp")
	}
	return b.String()
}

func put(b *strings.Builder, name, value string) {
	if value != "" {
		b.WriteString(" " + name + "=" + value)
	}
}

// fields lists every field in one order; those with their zero value are empty.
func (c *LinkConfig) fields() []specField {
	f := func(p float64) string {
		if p == 0 {
			return ""
		}
		return strconv.FormatFloat(p, 'g', -1, 64)
	}
	d := func(t time.Duration) string {
		if t == 0 {
			return ""
		}
		return t.String()
	}
	n := func(v uint64) string {
		if v == 0 {
			return ""
		}
		return strconv.FormatUint(v, 10)
	}
	burst := ""
	if c.Burst != (Burst{}) {
		b := c.Burst
		var parts []string
		for _, p := range []float64{b.Enter, b.Leave, b.LossBad, b.LossGood} {
			parts = append(parts, strconv.FormatFloat(p, 'g', -1, 64))
		}
		burst = strings.Join(parts, "/")
	}
	var down []string
	for _, i := range c.Down {
		down = append(down, i.From.String()+"-"+d(i.To))
	}
	return []specField{
		{name: "rate", value: n(c.Rate)}, {name: "delay", value: d(c.Delay)}, {name: "jitter", value: d(c.Jitter)},
		{name: "buffer", value: n(uint64(c.Buffer))}, {name: "mtu", value: n(uint64(c.MTU))},
		{name: "loss", value: f(c.Loss)}, {name: "burst", value: burst},
		{name: "reorder", value: f(c.Reorder)}, {name: "by", value: d(c.ReorderBy)},
		{name: "dup", value: f(c.Duplicate)}, {name: "corrupt", value: f(c.Corrupt)},
		{name: "down", value: strings.Join(down, "+")},
	}
}
