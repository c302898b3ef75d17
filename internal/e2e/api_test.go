package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// operation and tenant are what the API shows, as a client would declare it.
type operation struct {
	ID, TenantID, Kind, State               string
	FailedStep, FailureClass, FailureReason string
	Attempts                                int
	AllowedActions                          []string
	WaitingFor                              *struct{ Dependency, Message string }
}

type tenant struct {
	ID, Name, Status                 string
	SchemaName, RoleName, ContractID string
	AdminEmail, FailureReason        string
}

type problem struct {
	Code, Detail, State string
	AllowedActions      []string
}

// reply is an answer of the api.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// read decodes a body.
func read[T any](i *installation, r reply) T {
	i.t.Helper()
	var v T
	require.NoError(i.t, json.Unmarshal(r.body, &v), "%d %s", r.status, r.body)
	return v
}

// try makes a request; an error is one of the connection.
func (i *installation) try(within time.Duration, method, path string, body any, header ...string) (reply, error) {
	ctx, cancel := context.WithTimeout(i.t.Context(), within)
	defer cancel()
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return reply{}, err
		}
		content = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, i.url+path, content)
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+i.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n+1 < len(header); n += 2 {
		req.Header.Set(header[n], header[n+1])
	}
	return send(req)
}

func send(req *http.Request) (reply, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return reply{status: resp.StatusCode, header: resp.Header, body: answer}, err
}

// call makes a request that must be answered promptly. A machine that stood
// still for a moment does not count against the product: it is asked again.
func (i *installation) call(method, path string, body any, header ...string) reply {
	i.t.Helper()
	var r reply
	eventually(i.t, method+" "+path+" is answered promptly", func() bool {
		var err error
		r, err = i.try(promptly, method, path, body, header...)
		return err == nil
	})
	return r
}

// insist does what a client does: 503 means to try again.
func (i *installation) insist(method, path string, body any, header ...string) reply {
	i.t.Helper()
	var r reply
	eventually(i.t, method+" "+path+" is seen to", func() bool {
		r = i.call(method, path, body, header...)
		return r.status != http.StatusServiceUnavailable
	})
	return r
}

// request is the body that creates a tenant.
func request(name string) map[string]string {
	return map[string]string{
		"name": name, "adminEmail": strings.ToLower("ada." + uuid.NewString()[:8] + "@hospital.example"),
		"adminFirstName": "Ada", "adminLastName": "Lovelace",
	}
}

// create has a tenant accepted.
func (i *installation) create(name string) operation {
	i.t.Helper()
	return i.createAs(request(name))
}

// createAs has a tenant accepted, once however often it is asked for.
func (i *installation) createAs(body map[string]string) operation {
	i.t.Helper()
	return i.accepted(i.insist(http.MethodPost, "/v1/tenants", body, "Idempotency-Key", uuid.NewString()))
}

func (i *installation) accepted(r reply) operation {
	i.t.Helper()
	require.Equal(i.t, http.StatusAccepted, r.status, "%s", r.body)
	o := read[operation](i, r)
	require.Equal(i.t, "/v1/operations/"+o.ID, r.header.Get("Location"))
	return o
}

func (i *installation) operation(id string) operation {
	i.t.Helper()
	r := i.insist(http.MethodGet, "/v1/operations/"+id, nil)
	require.Equal(i.t, http.StatusOK, r.status, "%s", r.body)
	return read[operation](i, r)
}

func (i *installation) tenant(id string) tenant {
	i.t.Helper()
	r := i.insist(http.MethodGet, "/v1/tenants/"+id, nil)
	require.Equal(i.t, http.StatusOK, r.status, "%s", r.body)
	return read[tenant](i, r)
}

// reaches waits until an operation is in a state. An operation that has ended
// otherwise never will be.
func (i *installation) reaches(id, state string) operation {
	i.t.Helper()
	path := "/v1/operations/" + id
	if state != "RUNNING" { // a long poll waits for everything but that
		path += "?wait=5s"
	}
	var o operation
	eventually(i.t, fmt.Sprintf("operation %s is %s", id, state), func() bool {
		r, err := i.try(promptly+promptly, http.MethodGet, path, nil)
		if err != nil || r.status != http.StatusOK {
			return false
		}
		o = read[operation](i, r)
		ended := o.State == "SUCCEEDED" || o.State == "ROLLED_BACK"
		require.False(i.t, ended && o.State != state, "the operation ended as %+v", o)
		return o.State == state
	})
	return o
}

// act asks for an action over the API, once.
func (i *installation) act(id, action string) reply {
	i.t.Helper()
	return i.call(http.MethodPost, "/v1/operations/"+id+"/"+action, map[string]string{"reason": "a test", "requestId": uuid.NewString()})
}

// actUntilAccepted acts as a client does.
func (i *installation) actUntilAccepted(id, action string) {
	i.t.Helper()
	i.askedAgain(id, action, map[string]string{"reason": "a test", "requestId": uuid.NewString()})
}

// askedAgain has an action accepted, once however often it is asked for: each
// request has the same id.
func (i *installation) askedAgain(id, action string, body map[string]string) {
	i.t.Helper()
	r := i.insist(http.MethodPost, "/v1/operations/"+id+"/"+action, body)
	require.Equal(i.t, http.StatusAccepted, r.status, "%s", r.body)
}

// page is a page for people: who looks at it has no token.
func (i *installation) page(link string) reply {
	i.t.Helper()
	var r reply
	eventually(i.t, "the page is shown", func() bool {
		req, err := http.NewRequestWithContext(i.t.Context(), http.MethodGet, link, nil)
		require.NoError(i.t, err)
		r, err = send(req)
		require.NoError(i.t, err)
		return r.status != http.StatusServiceUnavailable // as the page says, it is opened again
	})
	return r
}

// submit fills in the form of an invitation.
func (i *installation) submit(link, password string) reply {
	i.t.Helper()
	form := url.Values{"password": {password}, "repeat": {password}}
	var r reply
	eventually(i.t, "the form is taken", func() bool {
		req, err := http.NewRequestWithContext(i.t.Context(), http.MethodPost, link, strings.NewReader(form.Encode()))
		require.NoError(i.t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r, err = send(req)
		require.NoError(i.t, err)
		return r.status != http.StatusServiceUnavailable
	})
	return r
}
