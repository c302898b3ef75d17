package config

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"net/url"
	"path"
	"strings"
	"time"

	"filippo.io/age"
)

// BackupStore is where backups and old logs are, and how a process gets there.
type BackupStore struct {
	// URL is a directory (file:///dir) or a bucket (s3://bucket?endpoint=…)
	// (BACKUP_URL). Empty: a worker makes no backups, and nobody reads what lies there.
	URL string
	// AccessKey and SecretKey are for a bucket: the worker's, which changes it
	// (BACKUP_ACCESS_KEY, BACKUP_SECRET_KEY), or that of those who read old logs there
	// (BACKUP_READ_ACCESS_KEY, BACKUP_READ_SECRET_KEY), so that nobody who breaks into an
	// api can delete backups. Empty: the SDK's own sources, such as the role of a pod.
	AccessKey string
	SecretKey Secret
}

// Backup is where backups go, who can open them and who vouches for them.
type Backup struct {
	BackupStore
	// Recipients can open tenants' keys and the backups of the control tables
	// (BACKUP_RECIPIENTS).
	Recipients []age.Recipient
	// Identity is the private half of one of them (BACKUP_IDENTITY). Empty: this worker
	// opens no backup.
	Identity Secret
	// SigningKey is the seed of the key that signs (BACKUP_SIGNING_KEY).
	SigningKey Secret
	// VerifyKeys are the public halves of keys whose signature counts beside that of
	// SigningKey (BACKUP_VERIFY_KEYS): those that signed before it.
	VerifyKeys []ed25519.PublicKey
}

// backupStore reads how to get to the store, by the settings that say so to this process.
func (r *reader) backupStore(accessKey, secretKey setting) BackupStore {
	s := BackupStore{
		URL:       read(r, setting{name: "BACKUP_URL"}, backupURL),
		AccessKey: read(r, accessKey, text("the id of a bucket's key")),
		SecretKey: readSecret(r, secretKey, secretText("the secret of a bucket's key", 1)),
	}
	if s.URL != "" && (s.AccessKey == "") != (s.SecretKey.Reveal() == "") {
		r.problem(accessKey, "%s and %s belong together; set both or neither", accessKey.name, secretKey.name)
	}
	return s
}

func (r *reader) logStore() BackupStore {
	return r.backupStore(setting{name: "BACKUP_READ_ACCESS_KEY"}, setting{name: "BACKUP_READ_SECRET_KEY"})
}

func (r *reader) backup() Backup {
	b := Backup{
		BackupStore: r.backupStore(setting{name: "BACKUP_ACCESS_KEY"}, setting{name: "BACKUP_SECRET_KEY"}),

		Recipients: read(r, setting{name: "BACKUP_RECIPIENTS"}, ageRecipients),
		Identity:   readSecret(r, setting{name: "BACKUP_IDENTITY"}, ageIdentity),
		SigningKey: readSecret(r, setting{name: "BACKUP_SIGNING_KEY"}, ed25519Seed),
		VerifyKeys: read(r, setting{name: "BACKUP_VERIFY_KEYS"}, ed25519Keys),
	}
	if b.URL == "" {
		return b
	}
	const missing = "missing; there is a BACKUP_URL, and no backup is made without it"
	if len(b.Recipients) == 0 && !r.isSet("BACKUP_RECIPIENTS") {
		r.problem(setting{name: "BACKUP_RECIPIENTS"}, missing)
	}
	if b.SigningKey.Reveal() == "" && !r.isSet("BACKUP_SIGNING_KEY") {
		r.problem(setting{name: "BACKUP_SIGNING_KEY"}, missing)
	}
	return b
}

// backupSchedule is when the daily backup begins.
func (r *reader) backupSchedule() BackupSchedule {
	at := read(r, setting{name: "BACKUP_SCHEDULE", def: "01:30"}, timeOfDay)
	return BackupSchedule{Hour: at.Hour(), Minute: at.Minute()}
}

// BackupSchedule is a time of the day, in UTC.
type BackupSchedule struct{ Hour, Minute int }

var timeOfDay = kind[time.Time]{want: `a time of the day in UTC such as "01:30"`, parse: func(s string) (time.Time, bool) {
	at, err := time.Parse("15:04", s)
	return at, err == nil
}}

var backupURL = kind[string]{want: "file:///directory or s3://bucket?endpoint=…, without user", parse: func(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Fragment != "" {
		return "", false
	}
	directory := u.Scheme == "file" && u.Host == "" && path.IsAbs(u.Path) && u.RawQuery == ""
	return s, directory || u.Scheme == "s3" && u.Host != ""
}}

// lines turns commas into line breaks: age's parsers take a key a line.
func lines(s string) *bytes.Buffer {
	return bytes.NewBufferString(strings.NewReplacer(",", "\n", " ", "").Replace(s))
}

var ageRecipients = kind[[]age.Recipient]{want: "public keys of age (age1…), with commas between them", parse: func(s string) ([]age.Recipient, bool) {
	all, err := age.ParseRecipients(lines(s))
	return all, err == nil
}}

var ageIdentity = kind[Secret]{want: "a private key of age (AGE-SECRET-KEY-1…)", parse: func(s string) (Secret, bool) {
	_, err := age.ParseIdentities(lines(s))
	return NewSecret(s), err == nil
}}

var ed25519Seed = kind[Secret]{want: `32 random bytes in base64, as "openssl rand -base64 32" prints them`, parse: func(s string) (Secret, bool) {
	seed, err := base64.StdEncoding.DecodeString(s)
	return NewSecret(s), err == nil && len(seed) == ed25519.SeedSize
}}

var ed25519Keys = kind[[]ed25519.PublicKey]{want: "public halves of signing keys, 32 bytes in base64 each, with commas between them", parse: func(s string) ([]ed25519.PublicKey, bool) {
	var all []ed25519.PublicKey
	for text := range strings.SplitSeq(s, ",") {
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, false
		}
		all = append(all, key)
	}
	return all, true
}}
