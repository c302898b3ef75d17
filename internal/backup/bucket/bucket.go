// Package bucket opens backup stores: directories and S3 buckets. It is apart from
// internal/backup so that only what opens one is made of Amazon's client as well.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	gcaws "gocloud.dev/aws"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/s3blob"

	"tenant-provisioning/internal/backup"
)

// Config says where backups are kept.
type Config struct {
	// URL is file:///directory, or s3://bucket/prefix with what gocloud.dev's
	// V2ConfigFromURLParams knows: endpoint, region, …
	URL string
	// AccessKey and SecretKey are for S3. Both empty: the SDK's own sources, such as
	// the role of a pod.
	AccessKey, SecretKey string
	Keyring              backup.Keyring
	// Reading has a directory that is not there be an error, and none be made.
	Reading bool
}

var errNoURL = errors.New("BACKUP_URL is no URL; say file:///directory or s3://bucket?endpoint=…")

// Open opens a store. One that is away is no error here.
func Open(ctx context.Context, c Config) (*backup.Store, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errNoURL
	}
	switch u.Scheme {
	case "file":
		return openDirectory(c, u)
	case "s3":
		return openS3(ctx, c, u)
	}
	return nil, fmt.Errorf("BACKUP_URL begins with %q; say file:///directory or s3://bucket?endpoint=…", u.Scheme)
}

func openDirectory(c Config, u *url.URL) (*backup.Store, error) {
	dir := filepath.FromSlash(u.Path)
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		CreateDir: !c.Reading, DirFileMode: 0o700,
		NoTempDir: true, // a temporary directory may be another file system
		Metadata:  fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("open the backup store: %w", err)
	}
	return backup.NewStore(bucket, func(key string) error { return flush(dir, key) }, c.Keyring), nil
}

// flush writes a file and the directories that lead to it through to the disk.
func flush(dir, key string) error {
	for name := filepath.Join(dir, filepath.FromSlash(key)); ; name = filepath.Dir(name) {
		f, err := os.Open(name) //nolint:gosec // a path of ours
		if err != nil {
			return err
		}
		err = f.Sync()
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil || name == filepath.Clean(dir) {
			return err
		}
	}
}

func openS3(ctx context.Context, c Config, u *url.URL) (*backup.Store, error) {
	client, err := newClient(ctx, c, u)
	if err != nil {
		return nil, err
	}
	bucket, err := s3blob.OpenBucket(ctx, client, u.Host, &s3blob.Options{RequestChecksumCalculation: client.Options().RequestChecksumCalculation})
	if err != nil {
		return nil, fmt.Errorf("open the backup store: %w", err)
	}
	if prefix := u.Path; len(prefix) > 1 {
		bucket = blob.PrefixedBucket(bucket, prefix[1:]+"/")
	}
	return backup.NewStore(bucket, nil, c.Keyring), nil
}

func newClient(ctx context.Context, c Config, u *url.URL) (*s3.Client, error) {
	q := u.Query()
	settings, err := gcaws.V2ConfigFromURLParams(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("open the backup store: %w", err)
	}
	if c.AccessKey != "" {
		settings.Credentials = credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey, "")
	}
	if settings.Region == "" {
		settings.Region = "us-east-1" // stores that are not Amazon's have none
	}
	settings.Logger = logging.Nop{} // what matters is in its errors
	return s3.NewFromConfig(settings, func(o *s3.Options) {
		o.UsePathStyle = q.Has("endpoint")
		o.APIOptions = append(o.APIOptions, needUploadID)
	}), nil
}

// needUploadID makes an error of an upload that a store has begun without giving it an id:
// the uploader would panic.
func needUploadID(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("NeedUploadID",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleInitialize(ctx, in)
			if begun, ok := out.Result.(*s3.CreateMultipartUploadOutput); ok && err == nil && aws.ToString(begun.UploadId) == "" {
				err = errNoUploadID
			}
			return out, meta, err
		}), middleware.Before)
}

var errNoUploadID = errors.New("the store has begun an upload without an id")
