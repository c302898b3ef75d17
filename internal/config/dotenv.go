package config

import (
	"fmt"
	"regexp"
	"strings"
)

// assignment is NAME=value with what the dotenv package of Node.js accepts: an
// optional "export", values bare or in one of three kinds of quotes, quoted
// ones over several lines, a comment after the value.
var assignment = regexp.MustCompile("(?m)^[ \\t]*(?:export[ \\t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \\t]*=[ \\t]*" +
	"('[^']*'|\"(?:\\\\.|[^\"\\\\])*\"|`[^`]*`|[^#\\r\\n]*)[ \\t]*(?:#[^\\r\\n]*)?\\r?$")

var doubleQuoted = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\"`, `"`, `\\`, `\`)

// dotenv decodes a .env file for viper. It reads what the replaced application
// wrote: nothing is expanded, so that a $ in a password stays a $, whereas
// viper's own decoder would replace what follows it.
type dotenv struct{}

// Decode puts the assignments into values. A line that is none is an error, for
// a setting that is silently skipped is found much later.
func (dotenv) Decode(data []byte, values map[string]any) error {
	text, err := decodeText(data)
	if err != nil {
		return fmt.Errorf("the file %w", err)
	}
	end := 0
	for _, m := range assignment.FindAllStringSubmatchIndex(text, -1) {
		if err := onlyComments(text, end, m[0]); err != nil {
			return err
		}
		end = m[1]
		values[text[m[2]:m[3]]] = unquote(text[m[4]:m[5]])
	}
	return onlyComments(text, end, len(text))
}

func onlyComments(text string, from, to int) error {
	first := 1 + strings.Count(text[:from], "\n")
	for i, line := range strings.Split(text[from:to], "\n") {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			return fmt.Errorf("line %d is neither NAME=value nor a comment", first+i)
		}
	}
	return nil
}

func unquote(value string) string {
	value = strings.TrimSpace(value)
	if len(value) < 2 || value[0] != value[len(value)-1] {
		return value
	}
	switch value[0] {
	case '"':
		return doubleQuoted.Replace(value[1 : len(value)-1])
	case '\'', '`':
		return value[1 : len(value)-1]
	}
	return value
}
