package buckettest

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
)

// Fault is how a request fares.
type Fault string

// The faults.
const (
	// None passes on.
	None Fault = ""
	// Unavailable is answered 503, and Full 507, without being passed on.
	Unavailable Fault = "503"
	Full        Fault = "full"
	// Cut ends the connection in the middle of the request, and CutAnswer after the server
	// has done what it was asked for.
	Cut       Fault = "cut"
	CutAnswer Fault = "answer cut"
	// Slow passes on a little at a time.
	Slow Fault = "slow"
	// Lost is answered as if it had been done.
	Lost Fault = "lost"
	// Forgotten is answered as if its multipart upload were unknown.
	Forgotten Fault = "forgotten"
	// Altered passes on, and changes a byte of what is answered.
	Altered Fault = "altered"
	// Short leaves out the end of what is answered, with a length that fits.
	Short Fault = "short"
)

// Proxy stands before a server.
type Proxy struct {
	// URL is the BACKUP_URL through it.
	URL string

	mu       sync.Mutex
	fault    func(request string) Fault
	requests []string
}

// Proxy makes one, which passes on until it is told otherwise.
func (s *Server) Proxy() *Proxy {
	s.t.Helper()
	p := &Proxy{}
	target, err := url.Parse("http://" + s.address)
	require.NoError(s.t, err)
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
		ModifyResponse: func(r *http.Response) error { return spoil(r, faultOf(r.Request)) },
		ErrorLog:       log.New(io.Discard, "", 0), // what is cut is meant to be
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault := p.take(name(r))
		r = r.WithContext(context.WithValue(r.Context(), faultKey{}, fault))
		switch fault {
		case Unavailable:
			http.Error(w, "", http.StatusServiceUnavailable)
		case Full:
			http.Error(w, "", http.StatusInsufficientStorage)
		case Cut:
			_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
			panic(http.ErrAbortHandler)
		case Lost:
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
			if strings.HasPrefix(name(r), "complete") {
				_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><ETag>"0123456789abcdef0123456789abcdef-2"</ETag></CompleteMultipartUploadResult>`)
			}
		case Forgotten:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `<Error><Code>NoSuchUpload</Code><Message>The specified upload does not exist.</Message></Error>`)
		case Slow:
			r.Body = slow{r.Body}
			pass.ServeHTTP(w, r)
		default:
			pass.ServeHTTP(w, r)
		}
	}))
	s.t.Cleanup(front.Close)
	p.URL = backupURL(strings.TrimPrefix(front.URL, "http://"))
	return p
}

// Fault has requests fare as decide says of their names: the operation, and what of.
func (p *Proxy) Fault(decide func(request string) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.requests = decide, nil
}

// Requests are the names of those that came since the last Fault.
func (p *Proxy) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

func (p *Proxy) take(request string) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, request)
	if p.fault == nil {
		return None
	}
	return p.fault(request)
}

// name tells an S3 request: "part archive", "get manifest.json".
func name(r *http.Request) string {
	q, operation := r.URL.Query(), strings.ToLower(r.Method)
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		operation = "begin"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		operation = "complete"
	case r.Method == http.MethodPut && q.Has("partNumber"):
		operation = "part"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		operation = "abort"
	case q.Has("list-type"):
		return "list"
	}
	path := strings.Split(r.URL.Path, "/")
	return operation + " " + path[len(path)-1]
}

type faultKey struct{}

func faultOf(r *http.Request) Fault {
	f, _ := r.Context().Value(faultKey{}).(Fault)
	return f
}

// spoil changes an answer.
func spoil(r *http.Response, f Fault) error {
	switch f {
	case CutAnswer:
		panic(http.ErrAbortHandler)
	case Altered, Short:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		if n := len(body); n > 0 && f == Altered {
			body[n/2] ^= 1
		} else if n > 0 {
			body = body[:n-1]
			r.ContentLength--
			r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
	case Slow:
		r.Body = slow{r.Body}
	default: // as it is
	}
	return nil
}

// slow passes on a little at a time.
type slow struct{ io.ReadCloser }

func (s slow) Read(p []byte) (int, error) {
	<-time.After(time.Millisecond)
	return s.ReadCloser.Read(p[:min(len(p), 32<<10)])
}
