package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// BenchmarkSubmit is the acceptance of a tenant.
func BenchmarkSubmit(b *testing.B) {
	db := setup(b)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		if _, err := db.operations.Submit(b.Context(), acceptance(b, fmt.Sprintf("Clinic %d", n))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTake is the dispatcher's statement, which takes eight where something waits
// and gives them back outside of the time.
func BenchmarkTake(b *testing.B) {
	for _, waiting := range []int{0, 1000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			db := setup(b)
			for i := range waiting {
				db.accept(b, fmt.Sprintf("Clinic %d", i))
			}
			_, err := db.pool.Exec(b.Context(), `ANALYZE`)
			require.NoError(b, err)
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				taken, err := db.queue.Take(b.Context(), 8, tenant.Bounds{Running: 100}, time.Minute)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				require.Len(b, taken, min(8, waiting))
				for _, o := range taken {
					require.NoError(b, db.queue.Release(b.Context(), o.ID, 0))
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkClaim gives an operation to a run.
func BenchmarkClaim(b *testing.B) {
	db := setup(b)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		n++
		f := fence(db.accept(b, fmt.Sprintf("Clinic %d", n)))
		b.StartTimer()
		if _, err := db.transitions.Claim(b.Context(), f); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCreateSchema makes a schema from the template, with its role and its first
// administrator.
func BenchmarkCreateSchema(b *testing.B) {
	db := setup(b)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		n++
		f := db.claim(b, fmt.Sprintf("Clinic %d", n))
		b.StartTimer()
		if err := db.schemas.Create(b.Context(), f); err != nil {
			b.Fatal(err)
		}
	}
}
