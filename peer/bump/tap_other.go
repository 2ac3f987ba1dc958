//go:build !linux

package bump

import "errors"

// Taps exists on Linux only.
func Taps(string, string) (End, End, error) {
	return nil, nil, errors.New("packet sockets exist on Linux only")
}
