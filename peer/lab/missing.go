package lab

// MissingError says what a lab lacks on this machine, and what would help.
type MissingError struct {
	What string // "root", the name of a tool, or a feature of the kernel
	Help string // a whole sentence
}

func (e *MissingError) Error() string { return e.Help }
