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

	"tenant-provisioning/client"
)

// What the API shows.
type (
	operation = client.Operation
	tenant    = client.Tenant
	problem   = client.Problem
)

// client calls the API as an integrator does.
func (i *installation) client() *client.Client {
	i.t.Helper()
	c, err := client.New(client.Config{URL: i.url, Token: i.token, Timeout: promptly, Patience: patience})
	require.NoError(i.t, err)
	return c
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

// try makes a request, for what the client does not show or would repeat; an error is one of the connection.
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
		logs.mustNotShowRequest(i.t, encoded)
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

// request is what creates a tenant.
func request(name string) client.CreateTenantParams {
	return client.CreateTenantParams{
		Name: name, AdminEmail: strings.ToLower("ada." + uuid.NewString()[:8] + "@hospital.example"),
		AdminFirstName: "Ada", AdminLastName: "Lovelace",
	}
}

// create has a tenant accepted.
func (i *installation) create(name string) operation {
	i.t.Helper()
	return i.createAs(request(name))
}

// createAs has a tenant accepted, once however often it is asked for.
func (i *installation) createAs(params client.CreateTenantParams) operation {
	i.t.Helper()
	logs.mustNotShow(i.t, "a request for a tenant", params.Name, params.AdminEmail, params.AdminFirstName, params.AdminLastName)
	o, err := i.client().CreateTenant(i.t.Context(), params)
	require.NoError(i.t, err)
	return o
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
	o, err := i.client().GetOperation(i.t.Context(), id, client.GetOperationParams{})
	require.NoError(i.t, err)
	return o
}

func (i *installation) tenant(id string) tenant {
	i.t.Helper()
	t, err := i.client().GetTenant(i.t.Context(), id)
	require.NoError(i.t, err)
	return t
}

// reaches waits until an operation is in a state. An operation that has ended
// otherwise never will be.
func (i *installation) reaches(id string, state client.State) operation {
	i.t.Helper()
	var params client.GetOperationParams
	if state != client.StateRunning { // a long poll waits for everything but that
		params.Wait = "5s"
	}
	c := i.client()
	var o operation
	eventually(i.t, fmt.Sprintf("operation %s is %s", id, state), func() bool {
		var err error
		o, err = c.GetOperation(i.t.Context(), id, params)
		require.NoError(i.t, err)
		require.False(i.t, o.State.Ended() && o.State != state, "the operation ended as %+v", o)
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
	const why = "a test"
	var err error
	switch c, ctx := i.client(), i.t.Context(); action {
	case "retry":
		_, err = c.RetryOperation(ctx, id, client.RetryOperationParams{Reason: why})
	case "skip":
		_, err = c.SkipOperation(ctx, id, client.SkipOperationParams{Reason: why})
	case "rollback":
		_, err = c.RollbackOperation(ctx, id, client.RollbackOperationParams{Reason: why})
	case "cancel":
		_, err = c.CancelOperation(ctx, id, client.CancelOperationParams{Reason: why})
	default:
		require.FailNow(i.t, "no action of the API", action)
	}
	require.NoError(i.t, err)
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
	logs.mustNotShow(i.t, "a password", password)
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
