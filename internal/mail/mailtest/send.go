package mailtest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
)

// maxRequestBytes is SendGrid's limit for a request to mail/send.
const maxRequestBytes = 30 << 20

// sendRequest is the part of SendGrid's mail/send document that is understood
// here. Other members are ignored, as SendGrid ignores them.
type sendRequest struct {
	From             *person           `json:"from"`
	ReplyTo          *person           `json:"reply_to"`
	Subject          string            `json:"subject"`
	Personalizations []personalization `json:"personalizations"`
	Content          []content         `json:"content"`
	CustomArgs       map[string]string `json:"custom_args"`
	Headers          map[string]string `json:"headers"`
	TrackingSettings trackingSettings  `json:"tracking_settings"`
}

type person struct {
	Email string `json:"email"`
	Name  string `json:"name"`
}

type personalization struct {
	To         []person          `json:"to"`
	Subject    string            `json:"subject"`
	CustomArgs map[string]string `json:"custom_args"`
	Headers    map[string]string `json:"headers"`
}

type content struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func (c *Catcher) send(w http.ResponseWriter, r *http.Request) {
	fault := c.faults.next()
	// The body is read to its end before anything else: only then does the
	// server notice, while it holds a request, that the sender went away.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err != nil {
		writeErrors(w, http.StatusRequestEntityTooLarge,
			apiError{Message: "The JSON payload you have included in your request is too large."})
		return
	}
	if !c.faults.pass(r, before) {
		return
	}
	if fault != nil && !fault.Taken {
		fault.answer(w)
		return
	}
	request, status, errs := parseSendRequest(r.Header.Get("Content-Type"), body)
	if len(errs) == 0 {
		status, errs = http.StatusBadRequest, c.faults.refused(request)
	}
	if len(errs) > 0 {
		writeErrors(w, status, errs...)
		return
	}
	id := newMessageID()
	if err := c.store.add(c.messages(request, id)); err != nil {
		writeErrors(w, http.StatusInternalServerError, apiError{Message: err.Error()})
		return
	}
	c.faults.pass(r, after) // a sender that went away gets no answer anyway
	if fault != nil {
		fault.answer(w)
		return
	}
	w.Header().Set("X-Message-Id", id)
	w.WriteHeader(http.StatusAccepted)
}

func parseSendRequest(contentType string, body []byte) (sendRequest, int, []apiError) {
	var request sendRequest
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/json" {
		return request, http.StatusUnsupportedMediaType,
			[]apiError{{Message: "Content-Type should be application/json."}}
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return request, http.StatusBadRequest, []apiError{{Message: "Bad Request"}}
	}
	return request, http.StatusBadRequest, request.validate()
}

// messages makes one mail per recipient.
func (c *Catcher) messages(request sendRequest, id string) []Message {
	var made []Message
	for _, p := range request.Personalizations {
		for _, to := range p.To {
			m := Message{
				ID: id, To: to.Email, ToName: to.Name, From: request.From.Email, FromName: request.From.Name,
				Subject: request.Subject, ReceivedAt: c.clock().UTC(),
				CustomArgs: merged(request.CustomArgs, p.CustomArgs), Headers: merged(request.Headers, p.Headers),
			}
			if len(made) > 0 {
				m.ID = fmt.Sprintf("%s.%d", id, len(made))
			}
			if p.Subject != "" {
				m.Subject = p.Subject
			}
			if request.ReplyTo != nil {
				m.ReplyTo = request.ReplyTo.Email
			}
			m.Text, m.HTML = request.TrackingSettings.apply(request.part("text/plain"), request.part("text/html"))
			made = append(made, m)
		}
	}
	return made
}

func (r sendRequest) part(mediaType string) string {
	for _, part := range r.Content {
		if part.Type == mediaType {
			return part.Value
		}
	}
	return ""
}

// merged lets what a personalization says win over what the request says.
func merged(request, personal map[string]string) map[string]string {
	if len(request)+len(personal) == 0 {
		return nil // as it is read back from the data file
	}
	all := map[string]string{}
	maps.Copy(all, request)
	maps.Copy(all, personal)
	return all
}

// newMessageID has the form of SendGrid's: 16 random bytes, base64url.
func newMessageID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(id[:])
}
