package peer

import (
	"context"
	"encoding/json"
	"net/http"

	"tenant-provisioning/internal/tenant"
)

// server answers the benchmark:
//
//	POST /tenants  a tenant.Spec; the answer, a tenant.Fence, comes when it is provisioned
//	GET  /runs     how many runs have succeeded, as the engine has it
//	GET  /readyz   200
type server struct {
	accept func(context.Context, tenant.Spec) (tenant.Fence, error)
	engine Engine
	ends   *Ends
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /tenants", answer(s.create))
	mux.HandleFunc("GET /runs", answer(func(r *http.Request) (int, error) { return s.engine.Succeeded(r.Context()) }))
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func (s *server) create(r *http.Request) (f tenant.Fence, err error) {
	var n tenant.Spec
	if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
		return f, err
	}
	if f, err = s.accept(r.Context(), n); err != nil {
		return f, err
	}
	ended, forget := s.ends.Expect(f.Operation)
	defer forget()
	if err := s.engine.Start(r.Context(), f); err != nil {
		return f, err
	}
	select {
	case <-ended:
		return f, nil
	case <-r.Context().Done():
		return f, r.Context().Err()
	}
}

// answer answers with what do returns. Nobody but the benchmark asks, so it is told
// whatever went wrong.
func answer[T any](do func(*http.Request) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		result, err := do(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(result) // a caller that is gone is all that can fail
	}
}
