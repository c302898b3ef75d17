package roster

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
)

const saveAsUTF8 = `; save it as "CSV UTF-8"`

// text reads what a spreadsheet writes: UTF-8 with or without a byte order mark,
// UTF-16 with one ("Unicode text"), and the line ends of any system, which
// become \n. It refuses what names no encoding, since a guess would change
// people's names.
func text(data []byte) ([]byte, *Problem) {
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		return nil, &Problem{Line: 1, Message: "the file is a workbook or an archive" + saveAsUTF8}
	}
	if isUTF16(data) {
		if len(data)%2 != 0 {
			return nil, &Problem{Line: 1, Message: "the file is UTF-16 and ends in the middle of a character" + saveAsUTF8}
		}
		decoded, err := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(data)
		if err != nil {
			return nil, &Problem{Line: 1, Message: "the file is UTF-16 that cannot be read" + saveAsUTF8}
		}
		data = decoded
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r\n"), []byte{'\n'}), []byte{'\r'}, []byte{'\n'})
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return nil, &Problem{Line: lineOf(data, i), Message: "the file holds NUL characters, as UTF-16 without a mark does" + saveAsUTF8}
	}
	if i := firstInvalid(data); i >= 0 {
		return nil, &Problem{Line: lineOf(data, i), Message: "the file is not UTF-8" + saveAsUTF8}
	}
	return data, nil
}

// isUTF16 tells by the byte order mark, which also says the order.
func isUTF16(data []byte) bool {
	return bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff})
}

func lineOf(data []byte, offset int) int { return 1 + bytes.Count(data[:offset], []byte{'\n'}) }

func firstInvalid(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
