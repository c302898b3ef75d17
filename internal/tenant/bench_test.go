package tenant_test

import (
	"testing"

	"tenant-provisioning/internal/tenant"
)

const benchName = "Überörtliche Gemeinschaftspraxis Dr. Lovelace & Kollegen"

func BenchmarkNewID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tenant.NewID(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tenant.ParseID("01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNameKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		tenant.NameKey(benchName)
	}
}

func BenchmarkSchemaName(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		tenant.SchemaName(tenant.Slug(benchName), "01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01")
	}
}

func BenchmarkEffectKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		tenant.EffectKey("01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01", 1, tenant.StepSendWelcomeEmail)
	}
}

// BenchmarkInvitationToken is the token of a mail and the hash that is kept of it.
func BenchmarkInvitationToken(b *testing.B) {
	key := []byte("0123456789abcdef0123456789abcdef")
	b.ReportAllocs()
	for b.Loop() {
		tenant.HashToken(tenant.InvitationToken(key, "01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01/1/SEND_WELCOME_EMAIL", "ada@hospital.example"))
	}
}
