package answers

// Settle waits until what was answered is kept.
func Settle(c *Cache) { c.putting.Wait() }
