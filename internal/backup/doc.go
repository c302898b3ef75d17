// Package backup is the form of a backup: the archive of one tenant, or of the
// control tables, the signed manifest that makes it one, the tenant's key, and the
// store that holds them (a directory or an S3 bucket).
//
// An archive is the COPY streams of its tables, one after the other, compressed and
// then encrypted to the tenant's public key. What the streams are stands in the
// manifest, which is written last: an archive without one, or one that was not read
// back as it was sent, is no backup.
//
//	keys/<tenant>                         the private key, encrypted to BACKUP_RECIPIENTS
//	tenants/<tenant>/<id>/archive         the tables
//	tenants/<tenant>/<id>/manifest.json   what they are, signed
//	control/<id>/archive, manifest.json   the same of the control tables
//	tombstones/<tenant>                   that the tenant is purged, signed
//
// The package knows no database: whoever makes a backup hands it streams, and
// whoever restores one takes them. It may import internal/tenant, and no adapter.
package backup
