package tcp

import "time"

// challenge is the limit on challenge ACKs (RFC 5961 section 7, T5961-04). The
// number that a period allows is drawn anew each time, around the configured
// average: a limit that is known, or shared between connections, tells an
// attacker which of his guesses were right.
type challenge struct {
	until int64 // end of the period
	left  int
}

const challengePeriod = 5 * int64(time.Second)

// challengeAck asks for one; Poll decides, as only it knows the time to compare.
func (f *Flow) challengeAck() { f.challengeDue = true }

// takeChallenge reports whether the wanted challenge ACK may be sent at t.
func (f *Flow) takeChallenge(t int64) bool {
	if !f.challengeDue {
		return false
	}
	f.challengeDue = false
	if f.challenge == nil {
		f.challenge = new(challenge)
	}
	c := f.challenge
	if t >= c.until {
		n := f.cfg.ChallengeAcks
		c.until = t + challengePeriod
		c.left = (n+1)/2 + int(f.cfg.Rand.Uint64()%uint64(n+1))
	}
	if c.left == 0 {
		f.stats.ChallengeACKSkipped++
		return false
	}
	c.left--
	f.stats.ChallengeACK++
	f.ack.due = true
	return true
}
