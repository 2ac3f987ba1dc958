package fields

import (
	"cmp"
	"slices"
	"strings"
)

// maxSuggestions is how many names Suggest returns at the most.
const maxSuggestions = 3

// Suggest returns up to three names of fields that look like name, the nearest first:
// names that contain it or its last part, and names a few letters away.
func Suggest(name string) []string {
	name = strings.ToLower(name)
	if len(name) < 2 || '0' <= name[0] && name[0] <= '9' {
		return nil // no beginning of a name
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	for _, known := range Names() {
		d := editDistance(name, known)
		switch {
		case strings.HasPrefix(known, name):
			d = min(d, 2) // the rest was left out
		case len(last) > 2 && strings.HasSuffix(known, "."+last):
			d = min(d, 3) // the right word in the wrong place
		case len(last) > 3 && strings.Contains(known, last):
			d = min(d, 5)
		}
		if d <= max(2, len(name)/3) {
			found = append(found, candidate{known, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	names := make([]string, 0, maxSuggestions)
	for _, c := range found {
		if len(names) < maxSuggestions && c.distance <= found[0].distance+1 {
			names = append(names, c.name)
		}
	}
	return names
}

// editDistance is the number of letters to insert, delete or replace to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}
