package config

import (
	"crypto/x509"
	"os"
	"strings"
)

// rootCertificates reads NAME_SSLROOTCERT: the certificates of the authorities,
// and of no others, that may sign a server's. Nil when it is not set: then the
// system's may. The value is the path of a file or, so that NAME_FILE means what it
// means everywhere, its content.
func (r *reader) rootCertificates(name string) *x509.CertPool {
	set := setting{name: name}
	const want = "the path of a file with certificates in PEM (-----BEGIN CERTIFICATE-----), or its content"
	r.asked = append(r.asked, asked{set, want})
	value, err := r.source.lookup(set)
	if err != nil {
		r.problem(set, "%v", err)
		return nil
	}
	if value == "" {
		return nil
	}
	content := []byte(value)
	if !strings.HasPrefix(strings.TrimSpace(value), "-----BEGIN") {
		if content, err = os.ReadFile(value); err != nil {
			r.problem(set, "%v; expected %s", err, want)
			return nil
		}
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(content) {
		r.problem(set, "there is no certificate in it; expected %s", want)
		return nil
	}
	return roots
}

// rootCertificatesFor is rootCertificates for what answers at the URL of another
// setting. An authority that nobody would ask is a mistake.
func (r *reader) rootCertificatesFor(urlName, url, name string) *x509.CertPool {
	roots := r.rootCertificates(name)
	if roots != nil && !strings.HasPrefix(strings.ToLower(url), "https://") {
		r.problem(setting{name: name}, "it is for a connection with TLS; expected %s to begin with https://", urlName)
	}
	return roots
}

// file is the path of a file that can be read.
func file(what string) kind[string] {
	return kind[string]{want: "the path of a file that can be read: " + what, parse: func(s string) (string, bool) {
		f, err := os.Open(s)
		if err != nil {
			return "", false
		}
		return s, f.Close() == nil
	}}
}
