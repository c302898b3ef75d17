package rest

import (
	"cmp"
	"time"
)

// CheckWithin gives a check another time than the product's: for tests whose
// database answers, however slow the machine is.
func CheckWithin(c Check, limit time.Duration) Check {
	c.within = limit
	return c
}

// ClientAddress finds who is behind a request.
var ClientAddress = clientAddress

// Times gives the streams of a server other times than the product's; zero leaves one.
func Times(s *Server, beat, patience, life time.Duration) {
	s.times = streamTimes{cmp.Or(beat, s.times.beat), cmp.Or(patience, s.times.patience), cmp.Or(life, s.times.life)}
}
