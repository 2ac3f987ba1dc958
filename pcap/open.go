package pcap

import (
	"io"
	"os"
)

// File is a capture file that is open for reading.
type File struct {
	*Reader
	name string
	size int64
	file *os.File // nil for the standard input, which is not ours to close
}

// Open opens the capture with that name, "-" being the standard input. The errors
// are those of os.Open and of [NewReader].
func Open(name string) (*File, error) {
	in, owned := os.Stdin, (*os.File)(nil)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		in, owned = f, f
	}
	size := int64(-1)
	if info, err := in.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
		// The standard input may have been read from already.
		if at, err := in.Seek(0, io.SeekCurrent); err == nil {
			size -= at
		}
	}
	r, err := NewReader(in)
	if err != nil {
		if owned != nil {
			owned.Close()
		}
		return nil, err
	}
	return &File{Reader: r, name: name, size: size, file: owned}, nil
}

// Name returns the name given to Open.
func (f *File) Name() string { return f.name }

// Size returns the size of the file in octets, with which InputOffset ends, or -1
// if it is not known (pipes, devices).
func (f *File) Size() int64 { return f.size }

// Close closes the file, but not the standard input. Data of the last frame stays
// valid.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
