package token_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/token"
)

// BenchmarkVerify is the check of the token that comes with each request.
func BenchmarkVerify(b *testing.B) {
	v := verifier(b, token.Config{Secret: secret})
	raw, err := token.Signer{Secret: secret}.Issue("ada", token.RoleOperator, time.Hour, now)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), raw); err != nil {
			b.Fatal(err)
		}
	}
}
