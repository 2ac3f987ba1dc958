package fields

import "strings"

// ID names a field inside a program; it is not stable between versions.
type ID uint16

// Type says how a field's values are printed and what they compare with.
type Type uint8

// The types. The number of digits of Hex types is fixed, as Wireshark prints them.
const (
	Layer Type = iota // a protocol: present or not; its octets can be searched
	Mark              // present or not, without a value
	Uint              // unsigned, decimal
	Int               // signed, decimal
	Hex8              // unsigned, 0x and 2 digits
	Hex16             // unsigned, 0x and 4 digits
	Hex24             // unsigned, 0x and 6 digits
	Hex32             // unsigned, 0x and 8 digits
	Bool              // 1 or 0
	Time              // seconds with 9 decimals
	IPv4              //
	IPv6              //
	Ether             // six octets, aa:bb:cc:dd:ee:ff
	Bytes             // hexadecimal digits
	Text              //
)

// String returns the type in a word, for lists of fields.
func (t Type) String() string {
	switch t {
	case Layer:
		return "protocol"
	case Mark:
		return "label"
	case Uint, Int:
		return "number"
	case Hex8, Hex16, Hex24, Hex32:
		return "number, hex"
	case Bool:
		return "boolean"
	case Time:
		return "seconds"
	case IPv4:
		return "IPv4 address"
	case IPv6:
		return "IPv6 address"
	case Ether:
		return "Ethernet address"
	case Bytes:
		return "octets"
	case Text:
		return "text"
	}
	return "unknown"
}

// number tells whether values are held in value.num and compare as numbers.
func (t Type) number() bool { return t >= Uint && t <= Bool }

// octets tells whether values are held in value.octets and can be searched.
func (t Type) octets() bool { return t == Layer || t == Ether || t == Bytes || t == Text }

// Field describes one field.
type Field struct {
	ID     ID
	Name   string // as in Wireshark, or under "mpd."
	Type   Type
	Help   string // one line
	Secret bool   // a key, or octets that may hold one: whoever reads it can take part in the connection
	Extern bool   // the caller supplies it, see Row.SetStream
}

// Lookup returns the field with that name.
func Lookup(name string) (Field, bool) {
	id, ok := byName[name]
	if !ok {
		return Field{}, false
	}
	return table[id], true
}

// Names returns the names of all fields, in the order of the headers.
func Names() []string {
	names := make([]string, numFields)
	for i := range table {
		names[i] = table[i].Name
	}
	return names
}

// Field returns the description of id.
func (id ID) Field() Field { return table[id] }

// layerOf is the part of a field's name before the first dot: its protocol.
var layerOf [numFields]string

var byName = make(map[string]ID, numFields)

func init() {
	for i := range table {
		table[i].ID = ID(i)
		byName[table[i].Name] = ID(i)
		layerOf[i], _, _ = strings.Cut(table[i].Name, ".")
	}
}
