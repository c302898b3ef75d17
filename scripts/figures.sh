#!/bin/sh
# The figures of docs/ARCHITECTURE.md: how large files, functions and types are;
# what is generated does not count.
set -eu
cd "$(dirname "$0")/.."
files=$(git ls-files '*.go' | grep -v -e _test.go -e '[.]gen[.]go')

# shellcheck disable=SC2086 # a list of files
wc -l $files | grep -v ' total$' | sort -n | awk '{ lines[NR] = $1; name = $2 }
	END { printf "files: %d, median %d lines, longest %d (%s)\n", NR, lines[int((NR + 1) / 2)], lines[NR], name }'

# gofmt ends a function by a brace in the first column.
# shellcheck disable=SC2086
awk 'FNR == 1 { in_function = 0 }
	/^func / { start = FNR; text = $0; in_function = !/}$/ }
	/^}/ && in_function { n = FNR - start + 1; in_function = 0; if (n > most) { most = n; what = FILENAME ": " text } }
	END { sub(/ {$/, "", what); printf "longest function: %d lines (%s)\n", most, what }' $files

# shellcheck disable=SC2086
awk '/^func \([a-z]+ \*?[A-Za-z]+/ { t = $0; sub(/^func \([a-z]+ \*?/, "", t); sub(/[^A-Za-z0-9].*/, "", t); n = FILENAME; sub(/\/[^\/]*$/, "", n); print n "." t }' $files |
	sort | uniq -c | sort -rn | head -3 | awk '{ printf "large type: %d methods (%s)\n", $1, $2 }'
