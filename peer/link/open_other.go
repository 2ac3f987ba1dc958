//go:build !linux

package link

import "errors"

func open(*spec) (Link, error) { return nil, errors.New("TUN and raw links exist on Linux only") }
