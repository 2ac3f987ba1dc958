package pathmgr

import (
	"net/netip"
	"time"
)

// Manager decides for one connection. The actions it returns live until the next call.
type Manager interface{ Handle(ev Event) []Action }

// Kind says what happened.
type Kind uint8

// The kinds of events. Ready is the first, once, when further subflows may be opened;
// behind it come PathUp for each path that is there and AddrAdded for each address that
// is known.
const (
	Ready       Kind = iota // Local and Remote are those of the first subflow; Opener, NoJoin and Room are set
	PathUp                  // a path with the address Local came; Backup is set
	PathDown                // the path with the address Local went
	SubflowUp               // a subflow between Local and Remote works
	SubflowDown             // one ended, or could not be opened; Cause, Transient and Worked are set
	AddrAdded               // the peer announced Remote, perhaps not for the first time
	AddrRemoved             // the peer withdrew Remote
	Woken                   // the time that a Wake asked for has come
)

var kindNames = [...]string{"ready", "path up", "path down", "subflow up", "subflow down", "address added", "address removed", "woken"}

func (k Kind) String() string { return kindNames[k] }

// Cause says how a subflow ended.
type Cause uint8

// The causes.
const (
	Closed   Cause = iota // with a FIN, by either side
	Given                 // this host gave it up: it was withdrawn, or no use
	Reset                 // by a RST of the peer's, with or without a reason
	Refused               // its SYN was answered by a RST
	TimedOut              // the peer did not answer
	Unopened              // this host could not even try: no port, or too many subflows
)

var causeNames = [...]string{"closed", "given up", "reset", "refused", "timed out", "not opened"}

func (c Cause) String() string { return causeNames[c] }

// Event is something that happened. Which fields have a meaning depends on its Kind.
type Event struct {
	Kind          Kind
	Now           time.Time
	Local, Remote netip.AddrPort

	Opener bool // this host opened the connection
	NoJoin bool // the peer wants no joins at its first address and port (the C flag)
	Room   int  // how many subflows there may be besides the first

	Backup bool // the path is to be used only when nothing else works

	Cause     Cause
	Worked    bool  // the subflow had been up
	Reason    bool  // the RST had an MP_TCPRST...
	Transient bool  // ...with the T flag: it may pass
	Code      uint8 // ...and this code (RFC 8684 section 3.6)
}

// Verb says what is to be done.
type Verb uint8

// The verbs.
const (
	Join     Verb = iota // open a subflow from Local, whose port may be 0, to Remote
	Announce             // tell the peer of Local; port 0: that of the first subflow
	Remove               // withdraw Local and close the subflows from it
	Wake                 // send Woken at At, unless a later Wake asks for another time
)

// Action is something to be done.
type Action struct {
	Do            Verb
	Local, Remote netip.AddrPort
	Backup        bool // Join: ask the peer to use it as a backup
	At            time.Time
}

// Passive opens and announces nothing.
type Passive struct{}

// Handle returns nothing.
func (Passive) Handle(Event) []Action { return nil }
