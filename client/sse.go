package client

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"
	"time"
)

// maxLine is more than any line of an event has.
const maxLine = 1 << 20

// message is what a block of lines says: an event, if it has data.
type message struct {
	// id is the last one that was sent, in this block or before.
	id, data string
	// again is how long to wait before another connection; negative if the block
	// does not say.
	again time.Duration
}

// retry is the pause before another connection from now on.
func (m message) retry(before time.Duration) time.Duration {
	if m.again < 0 {
		return before
	}
	return m.again
}

// readEvents reads a stream of events as the HTML standard has it, until it ends
// or take does not want any more. What follows the last blank line is dropped: it
// broke off, and comes again with the next connection.
func readEvents(from io.Reader, last string, take func(message) bool) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLine)
	lines.Split(splitLines())
	m := message{id: last, again: -1}
	var data []string
	for first := true; lines.Scan(); first = false {
		line := lines.Text()
		if first {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if line == "" {
			m.data = strings.Join(data, "\n")
			if !take(m) {
				return nil
			}
			m, data = message{id: m.id, again: -1}, nil
			continue
		}
		name, value, _ := strings.Cut(line, ":") // a comment has no name
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "data":
			data = append(data, value)
		case "id":
			if !strings.Contains(value, "\x00") {
				m.id = value
			}
		case "retry":
			if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
				m.again = time.Duration(ms) * time.Millisecond
			}
		}
	}
	return lines.Err()
}

// splitLines finds lines that end in LF, CR, or both. After a CR it does not wait
// for what comes next: that may be the next event, in an hour.
func splitLines() bufio.SplitFunc {
	afterCR := false
	return func(data []byte, atEOF bool) (int, []byte, error) {
		from := 0
		if afterCR && len(data) > 0 {
			if data[0] == '\n' {
				from = 1
			}
			afterCR = false
		}
		n := bytes.IndexAny(data[from:], "\r\n")
		if n < 0 {
			if atEOF {
				return len(data), nil, nil
			}
			return from, nil, nil
		}
		end := from + n
		afterCR = data[end] == '\r'
		return end + 1, data[from:end], nil
	}
}
