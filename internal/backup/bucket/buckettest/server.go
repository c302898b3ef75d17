// Package buckettest runs a real S3 server (versitygw, in the version of tools/versitygw)
// for tests, and a proxy before it that misbehaves on the wire.
package buckettest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/child"
)

// The server's one account, and its bucket.
const (
	AccessKey = "backup-access"
	SecretKey = "backup-secret"
	Bucket    = "backups"
)

// startLimit is what the server may take to start on a machine that is busy.
const startLimit = time.Minute

// Server is an S3 server on a directory.
type Server struct {
	t       testing.TB
	dir     string
	address string
	process *child.Process
}

// Start starts one with an empty bucket. It ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &Server{t: t, dir: t.TempDir(), address: l.Addr().String()}
	require.NoError(t, l.Close())
	s.start()
	t.Cleanup(func() { s.Kill() })
	_, err = s.Client().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(Bucket)})
	require.NoError(t, err)
	return s
}

// start starts it on its address. While it was away a connection of somebody's may have got
// its port, and gives it back.
func (s *Server) start() {
	s.t.Helper()
	err := s.launch()
	for until := time.Now().Add(startLimit); err != nil && time.Now().Before(until); {
		err = s.launch()
	}
	require.NoError(s.t, err)
}

func (s *Server) launch() error {
	s.t.Helper()
	data, versions := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "versions")
	for _, dir := range []string{data, versions} {
		require.NoError(s.t, os.MkdirAll(dir, 0o700))
	}
	var err error
	s.process, err = child.Start(child.Spec{
		Path:    program(s.t),
		Args:    []string{"--port", s.address, "--quiet", "--health", "/health", "posix", "--versioning-dir", versions, data},
		Env:     []string{"ROOT_ACCESS_KEY=" + AccessKey, "ROOT_SECRET_KEY=" + SecretKey, "HOME=" + s.dir},
		LogFile: filepath.Join(s.dir, "log"), StopSignal: syscall.SIGKILL,
	})
	require.NoError(s.t, err)
	return s.process.Ready(s.t.Context(), startLimit, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/health", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			err = fmt.Errorf("the S3 server answers %s", response.Status)
		}
		return errorsOf(err, response.Body.Close())
	})
}

func errorsOf(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// Kill ends it as a power cut does, and Restart starts it again with what it has written.
func (s *Server) Kill() {
	s.process.Signal(syscall.SIGKILL)
	<-s.process.Ended()
}

// Restart starts it after a Kill.
func (s *Server) Restart() { s.start() }

// URL is the BACKUP_URL of its bucket.
func (s *Server) URL() string { return backupURL(s.address) }

func backupURL(address string) string { return "s3://" + Bucket + "/first?endpoint=http://" + address }

// Client asks it directly.
func (s *Server) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String("http://" + s.address), UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(AccessKey, SecretKey, ""),
	})
}

// KeepVersions has the bucket keep what is deleted.
func (s *Server) KeepVersions() {
	s.t.Helper()
	_, err := s.Client().PutBucketVersioning(s.t.Context(), &s3.PutBucketVersioningInput{
		Bucket: aws.String(Bucket), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	require.NoError(s.t, err)
}

// Objects are the keys of what the bucket has.
func (s *Server) Objects() (keys []string) {
	s.t.Helper()
	pages := s3.NewListObjectsV2Paginator(s.Client(), &s3.ListObjectsV2Input{Bucket: aws.String(Bucket)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.t.Context())
		require.NoError(s.t, err)
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys
}

// Change puts what change makes of an object into its place, and returns what puts it back.
func (s *Server) Change(key string, change func([]byte) []byte) (undo func()) {
	s.t.Helper()
	object, err := s.Client().GetObject(s.t.Context(), &s3.GetObjectInput{Bucket: aws.String(Bucket), Key: aws.String(key)})
	require.NoError(s.t, err)
	before, err := io.ReadAll(object.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, object.Body.Close())
	put := func(data []byte) {
		s.t.Helper()
		_, err := s.Client().PutObject(s.t.Context(), &s3.PutObjectInput{Bucket: aws.String(Bucket), Key: aws.String(key), Body: bytes.NewReader(data)})
		require.NoError(s.t, err)
	}
	put(change(bytes.Clone(before)))
	return func() { put(before) }
}

// program is the server's.
func program(t testing.TB) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(file), "..", "..", "..", "..", "bin", "tools", "versitygw")
	if _, err := os.Stat(path); err != nil {
		require.Empty(t, os.Getenv("CI"), "%s is missing: make bin/tools/versitygw", path)
		t.Skipf("%s is missing: make bin/tools/versitygw, or run it by make test", path)
	}
	return path
}
