package feed

// Followers is how many follow now.
func (f *Feed) Followers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count()
}

// Behind is how many of them have missed events that their queue had no room for.
func (f *Feed) Behind() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, group := range f.following {
		for one := range group {
			if one.behind {
				n++
			}
		}
	}
	return n
}
