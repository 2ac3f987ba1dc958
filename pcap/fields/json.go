package fields

import (
	"io"
	"time"
	"unicode/utf8"
)

// JSONOptions choose what a JSONWriter writes.
type JSONOptions struct {
	// Fields are written as "name": ["value", ...] directly under "layers", as by
	// tshark's -T json with -e. Without any, all fields are written, one object for each
	// protocol.
	Fields []ID

	// OmitSecrets leaves out fields that are keys.
	OmitSecrets bool
}

// JSONWriter writes rows as tshark's -T json does: one array, one element a frame, all
// values strings. A field with several values is an array, which tshark does only when
// told to (--no-duplicate-keys), because objects with a repeated name cannot be read by
// most programs. tshark's subtrees ("tcp.flags_tree") are not made: all fields of a
// protocol are in one object.
type JSONWriter struct {
	w    io.Writer
	opts JSONOptions
	buf  []byte
	rows int
	err  error
}

// NewJSONWriter returns a writer. Nothing is written before the first row.
func NewJSONWriter(w io.Writer, opts JSONOptions) *JSONWriter {
	return &JSONWriter{w: w, opts: opts}
}

// Write writes one frame. It returns the first error of the underlying writer.
func (j *JSONWriter) Write(r *Row) error {
	if j.rows == 0 {
		j.buf = append(j.buf[:0], "[\n"...)
	} else {
		j.buf = append(j.buf[:0], ",\n"...)
	}
	j.rows++
	j.element(r)
	return j.flush()
}

// Close ends the array; it does not close the underlying writer.
func (j *JSONWriter) Close() error {
	j.buf = append(j.buf[:0], "\n]\n"...)
	if j.rows == 0 {
		j.buf = append(j.buf[:0], "[]\n"...)
	}
	return j.flush()
}

func (j *JSONWriter) flush() error {
	if j.err == nil {
		_, j.err = j.w.Write(j.buf)
	}
	return j.err
}

// element appends one frame. The index carries the day of the capture, as tshark's does.
func (j *JSONWriter) element(r *Row) {
	j.buf = append(j.buf, "  {\n    \"_index\": \"packets"...)
	if r.Has(frameTimeEpoch) {
		j.buf = time.Unix(0, int64(r.num(frameTimeEpoch))).UTC().AppendFormat(j.buf, "-2006-01-02")
	}
	j.buf = append(j.buf, "\",\n    \"_type\": \"doc\",\n    \"_score\": null,\n    \"_source\": {\n      \"layers\": {"...)
	if len(j.opts.Fields) > 0 {
		j.fields(r)
	} else {
		j.layers(r)
	}
	j.buf = append(j.buf, "\n      }\n    }\n  }"...)
}

// fields appends the chosen fields that are there.
func (j *JSONWriter) fields(r *Row) {
	separator := ""
	for _, id := range j.opts.Fields {
		if !r.Has(id) || j.opts.OmitSecrets && table[id].Secret {
			continue
		}
		j.name(separator, "        ", table[id].Name)
		j.array(r, id, "        ")
		separator = ","
	}
}

// layers appends an object for each protocol, in the order of the table.
func (j *JSONWriter) layers(r *Row) {
	open, separator := "", ""
	for id := range ID(numFields) {
		if !r.Has(id) || table[id].Name == layerOf[id] || j.opts.OmitSecrets && table[id].Secret {
			continue
		}
		if layer := layerOf[id]; layer != open {
			if open != "" {
				j.buf = append(j.buf, "\n        },"...)
			}
			j.name("", "        ", layer)
			j.buf = append(j.buf, '{')
			open, separator = layer, ""
		}
		j.name(separator, "          ", table[id].Name)
		if first := r.first[id]; r.values[first].next == 0 {
			j.value(&r.values[first])
		} else {
			j.array(r, id, "          ")
		}
		separator = ","
	}
	if open != "" {
		j.buf = append(j.buf, "\n        }"...)
	}
}

func (j *JSONWriter) name(separator, indent, name string) {
	j.buf = append(j.buf, separator...)
	j.buf = append(j.buf, '\n')
	j.buf = append(j.buf, indent...)
	j.buf = append(j.buf, '"')
	j.buf = append(j.buf, name...)
	j.buf = append(j.buf, `": `...)
}

func (j *JSONWriter) array(r *Row, id ID, indent string) {
	j.buf = append(j.buf, '[')
	for i := r.first[id]; i != 0; i = r.values[i].next {
		if i != r.first[id] {
			j.buf = append(j.buf, ',')
		}
		j.buf = append(j.buf, '\n')
		j.buf = append(j.buf, indent...)
		j.buf = append(j.buf, "  "...)
		j.value(&r.values[i])
	}
	j.buf = append(j.buf, '\n')
	j.buf = append(j.buf, indent...)
	j.buf = append(j.buf, ']')
}

// value appends a string. Only text needs escapes (RFC 8259 section 7); labels and
// protocols inside others have no value.
func (j *JSONWriter) value(v *value) {
	j.buf = append(j.buf, '"')
	switch table[v.id].Type {
	case Layer, Mark:
	case Text:
		j.buf = appendJSONText(j.buf, v.octets)
	default:
		j.buf = v.append(j.buf)
	}
	j.buf = append(j.buf, '"')
}

// appendJSONText escapes what must be, and replaces what is no UTF-8.
func appendJSONText(b, text []byte) []byte {
	for len(text) > 0 {
		c, n := utf8.DecodeRune(text)
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ':
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			b = utf8.AppendRune(b, c)
		}
		text = text[n:]
	}
	return b
}
