package logging

import (
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
)

// shown is slog's ReplaceAttr: how an attribute is written. What slog.LogValuer
// says has been asked for before.
func shown(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 {
		if a.Key == slog.LevelKey || a.Key == slog.TimeKey {
			return a
		}
		a.Key = ours(a.Key)
		if a.Key == "worker" {
			return a // process id, host and queue with @ between them
		}
	}
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(withoutAddresses(a.Value.String()))
	case slog.KindAny:
		a.Value = harmless(a.Value.Any())
	default: // numbers, times, durations; a group's members come by themselves
	}
	return a
}

// harmless is what may be shown of a value that slog knows nothing about.
func harmless(v any) slog.Value {
	if v == nil {
		return slog.AnyValue(nil)
	}
	if err, ok := v.(error); ok {
		return slog.StringValue(withoutAddresses(text(err)))
	}
	value := reflect.ValueOf(v)
	switch kind := value.Kind(); {
	case kind == reflect.String:
		return slog.StringValue(withoutAddresses(value.String()))
	case isNumber(kind):
		return slog.AnyValue(v)
	case (kind == reflect.Slice || kind == reflect.Array) && value.Type().Elem().Kind() == reflect.String:
		list := make([]string, value.Len())
		for i := range list {
			list[i] = withoutAddresses(value.Index(i).String())
		}
		return slog.AnyValue(list)
	}
	return slog.StringValue(fmt.Sprintf("[redacted %T]", v))
}

func isNumber(k reflect.Kind) bool {
	return k >= reflect.Bool && k <= reflect.Complex128 && k != reflect.Uintptr
}

// text is an error's, also of one that cannot say it.
func text(err error) (s string) {
	defer func() {
		if p := recover(); p != nil {
			s = fmt.Sprintf("[an error of type %T without a text]", err)
		}
	}()
	return err.Error()
}

// address finds what a mail could be sent to. The types see to it that none is
// logged; an error's text may quote one all the same, such as a mail server's
// answer.
var address = regexp.MustCompile(`[^\s<>"'(),;:@=/\\]+@[\p{L}\p{N}-]+(\.[\p{L}\p{N}-]+)+`)

func withoutAddresses(s string) string {
	if !strings.ContainsRune(s, '@') {
		return s
	}
	return address.ReplaceAllString(s, "[address]")
}
