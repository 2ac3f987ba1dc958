package netsim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Spec is the text form of an element taken apart: a kind, bare words, and fields
// with a value, as in "strip mptcp after=3whs". Constructors take what they know;
// Err then names what nobody took, and the first value that was wrong.
type Spec struct {
	Kind   string
	words  []string
	fields []specField
	err    error
}

type specField struct {
	name, value string
	taken       bool
}

// SpecError is a specification that means nothing.
type SpecError struct {
	Spec string // the kind
	Text string
}

func (e *SpecError) Error() string { return e.Spec + ": " + e.Text }

// ParseSpec takes text apart. The error is a *SpecError.
func ParseSpec(text string) (*Spec, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, &SpecError{"element", "empty specification"}
	}
	s := &Spec{Kind: words[0]}
	for _, w := range words[1:] {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			s.words = append(s.words, w)
			continue
		}
		for _, f := range s.fields {
			if f.name == name {
				s.Fail("%s is given twice", name)
			}
		}
		s.fields = append(s.fields, specField{name: name, value: value})
	}
	return s, nil
}

// Fail records what is wrong; the first complaint stays.
func (s *Spec) Fail(format string, args ...any) {
	if s.err == nil {
		s.err = &SpecError{s.Kind, fmt.Sprintf(format, args...)}
	}
}

// Err is the first complaint, or a word or field that nothing took.
func (s *Spec) Err() error {
	for _, w := range s.words {
		s.Fail("unknown word %q", w)
	}
	for _, f := range s.fields {
		if !f.taken {
			s.Fail("unknown field %q", f.name)
		}
	}
	return s.err
}

// Word takes the first bare word that is left; empty if there is none.
func (s *Spec) Word() string {
	if len(s.words) == 0 {
		return ""
	}
	w := s.words[0]
	s.words = s.words[1:]
	return w
}

// Flag takes that bare word and reports whether it was there.
func (s *Spec) Flag(word string) bool {
	for i, w := range s.words {
		if w == word {
			s.words = append(s.words[:i:i], s.words[i+1:]...)
			return true
		}
	}
	return false
}

// Field takes a field's value.
func (s *Spec) Field(name string) (string, bool) {
	for i := range s.fields {
		if s.fields[i].name == name {
			s.fields[i].taken = true
			return s.fields[i].value, true
		}
	}
	return "", false
}

// Choice takes a field whose value is one of several; the first is the default.
func (s *Spec) Choice(name string, values ...string) string {
	v, ok := s.Field(name)
	if !ok {
		return values[0]
	}
	for _, k := range values {
		if v == k {
			return v
		}
	}
	s.Fail("%s=%s: want one of %s", name, v, strings.Join(values, ", "))
	return values[0]
}

// Duration takes a field such as 20ms.
func (s *Spec) Duration(name string, otherwise time.Duration) time.Duration {
	return field(s, name, otherwise, func(v string) (time.Duration, error) {
		d, err := time.ParseDuration(v)
		if err == nil && d < 0 {
			err = strconv.ErrRange
		}
		return d, err
	})
}

// Int takes a field that is a number in [least, most].
func (s *Spec) Int(name string, otherwise, least, most int) int {
	return field(s, name, otherwise, func(v string) (int, error) {
		n, err := strconv.Atoi(v)
		if err == nil && (n < least || n > most) {
			err = strconv.ErrRange
		}
		return n, err
	})
}

// Uint32 takes a field that is a number of 32 bits.
func (s *Spec) Uint32(name string, otherwise uint32) uint32 {
	return field(s, name, otherwise, func(v string) (uint32, error) {
		n, err := strconv.ParseUint(v, 10, 32)
		return uint32(n), err
	})
}

// Octets takes a field that is a number of octets: 1500, 64KB (thousands) or 64KiB.
func (s *Spec) Octets(name string, otherwise int) int {
	return field(s, name, otherwise, ParseOctets)
}

// Chance takes a field that is a probability: 0.01 or 1%.
func (s *Spec) Chance(name string) float64 {
	return field(s, name, 0, parseChance)
}

func field[T any](s *Spec, name string, otherwise T, parse func(string) (T, error)) T {
	v, ok := s.Field(name)
	if !ok {
		return otherwise
	}
	t, err := parse(v)
	if err != nil {
		s.Fail("%s=%s: not a valid value", name, v)
	}
	return t
}

// ParseOctets reads a number of octets with an optional unit: B, KB, MB, GB (powers of
// 1000), KiB, MiB, GiB (of 1024).
func ParseOctets(v string) (int, error) {
	n, err := parseUnits(v, []unit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}})
	return int(n), err
}

type unit struct {
	name   string
	factor uint64
}

func parseUnits(v string, units []unit) (uint64, error) {
	factor := uint64(1)
	for _, u := range units {
		if n, ok := strings.CutSuffix(v, u.name); ok {
			v, factor = n, u.factor
			break
		}
	}
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return n * factor, nil
	}
	f, err := strconv.ParseFloat(v, 64)
	if err == nil && !(f >= 0 && f*float64(factor) < 1<<50) {
		err = strconv.ErrRange
	}
	return uint64(f * float64(factor)), err
}

func parseChance(v string) (float64, error) {
	n, percent := strings.CutSuffix(v, "%")
	f, err := strconv.ParseFloat(n, 64)
	if percent {
		f /= 100
	}
	if err == nil && !(f >= 0 && f <= 1) {
		err = strconv.ErrRange
	}
	return f, err
}
