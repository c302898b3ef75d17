package rest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"tenant-provisioning/internal/observe"
)

// observeAnswer counts an answer. Labels are routes, never tenants or clients.
func observeAnswer(m *observe.HTTP, c echo.Context, took time.Duration) {
	if c.Get(keyStream) != nil {
		return
	}
	m.Duration.WithLabelValues(methodLabel(c.Request().Method), routeLabel(c), strconv.Itoa(c.Response().Status)).Observe(took.Seconds())
}

// routeLabel is the pattern of the route; all that has none are one.
func routeLabel(c echo.Context) string {
	if path := c.Path(); path != "" {
		return path
	}
	return "unmatched"
}

// methodLabel keeps made-up methods from making labels.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
