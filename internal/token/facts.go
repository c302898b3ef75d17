package token

import (
	"context"
	"errors"
	"net/http"
)

// Keys fetches the keys of an identity provider once, as a Verifier does, for who
// wants to know whether they can be had.
type Keys struct {
	URL string
	// Transport sends the request. Nil: Go's own.
	Transport http.RoundTripper
}

// Keys counts those that are of use. There is an error where none is.
func (k Keys) Keys(ctx context.Context) (int, error) {
	p := &provider{url: k.URL, client: &http.Client{Transport: k.Transport}}
	keys, skipped, err := p.fetch(ctx)
	if err != nil {
		return 0, errors.Join(err, skipped)
	}
	return len(keys), nil
}
