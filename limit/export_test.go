package limit

// Users returns how many users t remembers.
func (t *Throttle) Users() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.users)
}
