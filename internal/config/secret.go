package config

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a value that must not be seen: printing, logging and encoding give
// "[redacted]". The value is behind a pointer so that printing a struct with a
// Secret in an unexported field, where fmt cannot call methods, does not show
// it either.
type Secret struct{ value *string }

// NewSecret hides a value.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{value: &value}
}

// Reveal gives the value, for handing it to the library that needs it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty says that there is no value.
func (s Secret) Empty() bool { return s.value == nil }

// String hides the value; an empty secret is the empty string, so that a
// missing one can be told from a present one.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return redacted
}

// Format hides the value from every verb of fmt, %#v and %x included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText hides the value from JSON and every other encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
