package connect_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority signs certificates, and no system trusts it.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
	file        string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	a := &authority{t: t, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
	a.certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.file = a.write("authority.pem", a.pem)
	return a
}

func (a *authority) write(name string, content []byte) string {
	a.t.Helper()
	path := filepath.Join(a.t.TempDir(), name)
	require.NoError(a.t, os.WriteFile(path, content, 0o600))
	return path
}

// sign makes a certificate of a server at 127.0.0.1, or of a client.
func (a *authority) sign(name string) (certificate, key []byte) {
	a.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, private.Public(), a.key)
	require.NoError(a.t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(a.t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// settings are a server's.
func (a *authority) settings(protocols ...string) *tls.Config {
	a.t.Helper()
	pair, err := tls.X509KeyPair(a.sign("server"))
	require.NoError(a.t, err)
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: protocols, MinVersion: tls.VersionTLS12}
}

// serve answers HTTPS requests.
func (a *authority) serve(h http.Handler) (port string) {
	a.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(a.t, err)
	server := &http.Server{
		ReadHeaderTimeout: patience, TLSConfig: a.settings(), ErrorLog: slog.NewLogLogger(quiet.Handler(), slog.LevelDebug), Handler: h,
	}
	go func() { _ = server.ServeTLS(listener, "", "") }() // ends with Close
	a.t.Cleanup(func() { _ = server.Close() })
	return portOf(listener)
}

// front speaks TLS before a server that doesn't.
func (a *authority) front(target string, protocols ...string) (port string) {
	a.t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", a.settings(protocols...))
	require.NoError(a.t, err)
	a.t.Cleanup(func() { _ = l.Close() }) // which ends the loop
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go carry(client, target)
		}
	}()
	return portOf(l)
}

func carry(client net.Conn, target string) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(server, client) // until one of them ends
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}

func portOf(l net.Listener) string {
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port) //nolint:forcetypeassert // it is TCP's
}
