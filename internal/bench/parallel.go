package main

import (
	"errors"
	"sync"
	"sync/atomic"
)

// inParallel calls work with 0 to n-1 from so many workers, which take the next
// number when they are done with one, and stop after the first error. work also
// learns which worker calls it.
func inParallel(workers, n int, work func(worker, i int) error) error {
	var wg sync.WaitGroup
	var next, failed atomic.Int64
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			for failed.Load() == 0 {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[w] = work(w, i); errs[w] != nil {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
