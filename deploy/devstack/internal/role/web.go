package role

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"tenant-provisioning/deploy/devstack/internal/port"
)

// serve serves a handler on a loopback port until it is stopped; cleanup runs
// after the last request.
func serve(p int, handler http.Handler, cleanup func() error) (Component, error) {
	listener, err := net.Listen("tcp", port.Address(p))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), cleanup())
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			ended <- fmt.Errorf("serve on port %d: %w", p, err)
		}
	}()
	stop := func(ctx context.Context) error {
		// Requests get a second: a client that keeps a long poll open must not
		// hold up the stack.
		graceful, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := server.Shutdown(graceful); err != nil {
			return errors.Join(server.Close(), cleanup())
		}
		return cleanup()
	}
	return running{stop: stop, ended: ended}, nil
}
