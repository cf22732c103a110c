package memfs

import (
	"slices"
	"sort"
	"strings"
)

// entry is one name in a directory.
type entry struct {
	key  string // what names are compared by
	name string
	node *node
}

// maxRun is the most entries that one run of an index holds.
const maxRun = 512

// index is the entries of a directory, sorted by key, in runs that are short
// enough to insert into. Reading it goes on after a key, so that entries
// may come and go between two pages.
type index struct {
	runs  [][]entry
	count int
}

// find returns where key is, or would be inserted.
func (x *index) find(key string) (run, at int, found bool) {
	run = sort.Search(len(x.runs), func(i int) bool {
		r := x.runs[i]
		return r[len(r)-1].key >= key
	})
	if run == len(x.runs) {
		if run == 0 {
			return 0, 0, false
		}
		run--
		return run, len(x.runs[run]), false
	}
	at, found = slices.BinarySearchFunc(x.runs[run], key, func(e entry, k string) int {
		return strings.Compare(e.key, k)
	})
	return run, at, found
}

func (x *index) get(key string) (entry, bool) {
	run, at, found := x.find(key)
	if !found {
		return entry{}, false
	}
	return x.runs[run][at], true
}

// put adds e, or replaces the entry of its key.
func (x *index) put(e entry) {
	run, at, found := x.find(e.key)
	if found {
		x.runs[run][at] = e
		return
	}
	x.count++
	if len(x.runs) == 0 {
		x.runs = [][]entry{{e}}
		return
	}
	r := slices.Insert(x.runs[run], at, e)
	x.runs[run] = r
	if len(r) > maxRun {
		half := len(r) / 2
		x.runs = slices.Insert(x.runs, run+1, slices.Clone(r[half:]))
		clear(r[half:]) // so that what moved can be freed
		x.runs[run] = r[:half]
	}
}

func (x *index) remove(key string) {
	run, at, found := x.find(key)
	if !found {
		return
	}
	x.count--
	x.runs[run] = slices.Delete(x.runs[run], at, at+1)
	if len(x.runs[run]) == 0 {
		x.runs = slices.Delete(x.runs, run, run+1)
	}
}

// after returns up to n entries, or all of them when n <= 0, whose keys are
// greater than key.
func (x *index) after(key string, n int) []entry {
	run, at, found := x.find(key)
	if found {
		at++
	}
	var got []entry
	for ; run < len(x.runs); run, at = run+1, 0 {
		part := x.runs[run][at:]
		if n > 0 {
			part = part[:min(len(part), n-len(got))]
		}
		got = append(got, part...)
		if n > 0 && len(got) == n {
			break
		}
	}
	return got
}
