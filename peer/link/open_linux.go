package link

import "errors"

func open(s *spec) (Link, error) {
	if s.kind == "tun" {
		return openTUN(s)
	}
	return nil, errors.New("raw links are not here yet")
}
