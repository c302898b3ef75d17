package rest_test

import (
	"testing"
	"time"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/tenant"
)

// BenchmarkEvent is an event on its way to those who follow it.
func BenchmarkEvent(b *testing.B) {
	e := tenant.ChangeEvent{
		ID: 4711, At: time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC), Type: "step.completed",
		Tenant: "01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01", Operation: "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11",
		EventData: tenant.EventData{Kind: tenant.KindProvision, Step: tenant.StepCreateSchema, StepStatus: "COMPLETED", Attempt: 1},
	}
	b.Run("view", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rest.ViewEvent(&e)
		}
	})
	// The first stream that sends it has it encoded.
	b.Run("first stream", func(b *testing.B) {
		w := rest.NewWire()
		fresh := e
		b.ReportAllocs()
		for b.Loop() {
			fresh.Position.ID++
			if _, err := w.Of(&fresh); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("further streams", func(b *testing.B) {
		w := rest.NewWire()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.Of(&e); err != nil {
				b.Fatal(err)
			}
		}
	})
}
