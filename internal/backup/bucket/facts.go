package bucket

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"tenant-provisioning/internal/doctor"
)

// Facts tells about a store, for who judges whether it fits. Nothing is changed.
type Facts struct{ Config Config }

var _ doctor.BackupStore = Facts{}

// Place lists the store.
func (f Facts) Place(ctx context.Context) (doctor.BackupPlace, error) {
	u, err := url.Parse(f.Config.URL)
	if err != nil {
		return doctor.BackupPlace{}, errNoURL
	}
	if u.Scheme == "file" {
		dir := filepath.FromSlash(u.Path)
		return doctor.BackupPlace{Name: "the folder " + dir, Folder: dir}, nil
	}
	client, err := newClient(ctx, f.Config, u)
	if err != nil {
		return doctor.BackupPlace{}, err
	}
	p := doctor.BackupPlace{Name: "the bucket " + u.Host}
	if endpoint := u.Query().Get("endpoint"); endpoint != "" {
		p.Name += " of " + endpoint
	}
	asked := time.Now()
	if _, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(u.Host), MaxKeys: aws.Int32(1)}); err != nil {
		return doctor.BackupPlace{}, err
	}
	p.Latency = time.Since(asked)
	versions, err := client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: aws.String(u.Host)})
	switch {
	case ctx.Err() != nil:
		return doctor.BackupPlace{}, errors.Join(ctx.Err(), err)
	case err != nil: // the key may not ask, or the store knows no versions
		p.Hidden = true
	default:
		p.Versions = versions.Status == types.BucketVersioningStatusEnabled
	}
	return p, nil
}
