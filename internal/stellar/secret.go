package stellar

import (
	"fmt"
	"io"
	"log/slog"
)

// Seed is the secret seed (S…) of an account. Printing, logging and encoding
// it give "[redacted]".
type Seed string

const redacted = "[redacted]"

// Format hides the seed from every verb of fmt.
func (s Seed) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText hides the seed from JSON and every other encoder.
func (s Seed) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue hides the seed from slog.
func (s Seed) LogValue() slog.Value { return slog.StringValue(redacted) }
