package rest

import "time"

// CheckWithin gives a check another time than the product's: for tests whose
// database answers, however slow the machine is.
func CheckWithin(c Check, limit time.Duration) Check {
	c.within = limit
	return c
}

// ClientAddress finds who is behind a request.
var ClientAddress = clientAddress
