package link

func open(s *spec) (Link, error) {
	if s.kind == "tun" {
		return openTUN(s)
	}
	return openRaw(s)
}
