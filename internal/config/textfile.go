package config

import (
	"bytes"
	"errors"
)

// What editors put before a text to say how it is encoded.
var (
	bom         = []byte("\xef\xbb\xbf")
	utf16Little = []byte("\xff\xfe")
	utf16Big    = []byte("\xfe\xff")
	errUTF16    = errors.New("is encoded as UTF-16, as Windows PowerShell and Notepad write it; save it as UTF-8")
)

// decodeText is how every file with settings is read: .env and those that a
// NAME_FILE names. A byte order mark is no part of a value, and what is not UTF-8
// would become another value silently.
func decodeText(data []byte) (string, error) {
	switch {
	case bytes.HasPrefix(data, utf16Little), bytes.HasPrefix(data, utf16Big):
		return "", errUTF16
	case len(data) > 1 && (data[0] == 0 || data[1] == 0): // without a mark
		return "", errUTF16
	}
	return string(bytes.TrimPrefix(data, bom)), nil
}
