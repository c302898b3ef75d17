package mailtest

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// CatcherConfig says where the mail is kept and who may send.
type CatcherConfig struct {
	// DataFile holds the caught mail as JSON lines and is read at the start,
	// so that the mail survives a restart. Empty: the mail is kept in memory.
	DataFile string
	// APIKey is the Bearer key that SendGrid's routes ask for. Required.
	APIKey string
	// Clock stamps the mail. Defaults to time.Now.
	Clock func() time.Time
}

// Catcher is an http.Handler with the part of SendGrid's v3 API that a sender
// of single mails needs, and with pages and JSON to look at what was caught:
//
//	POST   /v3/mail/send        take a mail (Bearer key)
//	GET    /v3/messages         Email Activity, ?query=&limit= (Bearer key)
//	GET    /v3/scopes           what the key may do (Bearer key)
//	GET    /messages            JSON, oldest first; ?to= narrows to one recipient
//	GET    /messages/{id}       JSON
//	DELETE /messages            forget all
//	GET    /, /view/{id}        pages
type Catcher struct {
	key    string
	clock  func() time.Time
	store  *store
	faults faults
	mux    *http.ServeMux
}

// NewCatcher opens the data file and returns the handler. Close it to release
// the file.
func NewCatcher(config CatcherConfig) (*Catcher, error) {
	if config.APIKey == "" {
		return nil, errors.New("mail catcher: APIKey is required, the key that senders use as MAIL_PASSWORD")
	}
	if config.Clock == nil {
		config.Clock = time.Now
	}
	kept, err := openStore(config.DataFile)
	if err != nil {
		return nil, err
	}
	c := &Catcher{key: config.APIKey, clock: config.Clock, store: kept, mux: http.NewServeMux()}
	c.mux.HandleFunc("POST /v3/mail/send", c.authorized(c.send))
	c.mux.HandleFunc("GET /v3/messages", c.authorized(c.activity))
	c.mux.HandleFunc("GET /v3/scopes", c.authorized(c.scopes))
	c.mux.HandleFunc("GET /messages", c.list)
	c.mux.HandleFunc("GET /messages/{id}", c.get)
	c.mux.HandleFunc("DELETE /messages", c.clear)
	c.mux.HandleFunc("GET /{$}", c.listPage)
	c.mux.HandleFunc("GET /view/{id}", c.messagePage)
	c.mux.HandleFunc("GET /view/{id}/html", c.messageHTML)
	return c, nil
}

// ServeHTTP implements http.Handler.
func (c *Catcher) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// Messages returns the caught mail, oldest first.
func (c *Catcher) Messages() []Message { return c.store.all() }

// Close releases the data file. Mail that comes later is kept in memory only.
func (c *Catcher) Close() error { return c.store.close() }

func (c *Catcher) list(w http.ResponseWriter, r *http.Request) {
	found := []Message{} // an empty list, not null
	for _, m := range c.store.all() {
		if to := r.URL.Query().Get("to"); to == "" || to == m.To {
			found = append(found, m)
		}
	}
	writeJSON(w, http.StatusOK, found)
}

func (c *Catcher) get(w http.ResponseWriter, r *http.Request) {
	m, ok := c.store.get(r.PathValue("id"))
	if !ok {
		writeErrors(w, http.StatusNotFound, apiError{Message: "no such message"})
		return
	}
	writeJSON(w, http.StatusOK, m)
}

func (c *Catcher) clear(w http.ResponseWriter, _ *http.Request) {
	if err := c.store.clear(); err != nil {
		writeErrors(w, http.StatusInternalServerError, apiError{Message: err.Error()})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	// The status is out; a reader that went away is all that can fail here.
	_ = json.NewEncoder(w).Encode(value)
}
