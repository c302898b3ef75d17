// Package bucket opens backup stores: directories and S3 buckets. It is apart from
// internal/backup so that only the worker, which has a store, is made of Amazon's
// client as well.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
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
}

// Open opens a store. One that is away is no error here.
func Open(ctx context.Context, c Config) (*backup.Store, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("BACKUP_URL is no URL; say file:///directory or s3://bucket?endpoint=…")
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
		CreateDir: true, DirFileMode: 0o700,
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
	client := s3.NewFromConfig(settings, func(o *s3.Options) { o.UsePathStyle = q.Has("endpoint") })
	bucket, err := s3blob.OpenBucket(ctx, client, u.Host, &s3blob.Options{RequestChecksumCalculation: settings.RequestChecksumCalculation})
	if err != nil {
		return nil, fmt.Errorf("open the backup store: %w", err)
	}
	if prefix := u.Path; len(prefix) > 1 {
		bucket = blob.PrefixedBucket(bucket, prefix[1:]+"/")
	}
	return backup.NewStore(bucket, nil, c.Keyring), nil
}
