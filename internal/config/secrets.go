package config

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// NamedSecret is a secret that is set, right or wrong.
type NamedSecret struct {
	Name  string
	Value Secret
	// Changed is when the file of NAME_FILE was written; zero where there is none.
	Changed time.Time
}

// secretSettings are all that hold one.
var secretSettings = []setting{
	{name: "DB_PASSWORD"}, {name: "REDIS_PASSWORD"}, {name: "JWT_SECRET"}, {name: "INVITATION_SECRET"}, {name: "PAYLOAD_KEYS"},
	{name: "MAIL_PASSWORD"}, {name: "MAIL_BACKUP_PASSWORD"}, {name: "NOTIFY_WEBHOOK"}, {name: "TEMPORAL_API_KEY"},
	{name: "OTEL_EXPORTER_OTLP_TRACES_HEADERS", aliases: []string{"OTEL_EXPORTER_OTLP_HEADERS"}},
	{name: "SOROBAN_CONTRACT_DEPLOYER_SECRET", aliases: []string{"SOROBAN_SECRET"}},
	{name: "BACKUP_SECRET_KEY"}, {name: "BACKUP_READ_SECRET_KEY"}, {name: "BACKUP_IDENTITY"}, {name: "BACKUP_SIGNING_KEY"},
	{name: "SOROBAN_PAYER_SECRET"}, {name: "SOROBAN_ADMIN_SECRET"}, {name: "SOROBAN_PREVIOUS_ADMIN_SECRET"}, {name: "SOROBAN_CHANNEL_SECRET"},
}

// Secrets lists those that are set and can be read, for who judges their strength
// and age. Those that cannot be read are for Load to tell.
func Secrets(opts Options) ([]NamedSecret, error) {
	if opts.Environ == nil {
		opts.Environ = os.Environ()
	}
	src, err := newSource(opts.Environ, opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var found []NamedSecret
	for _, set := range secretSettings {
		name, value, path, err := src.find(set)
		if err != nil || name == "" {
			continue
		}
		named := NamedSecret{Name: name}
		if path != "" {
			if value, err = readFile(path); err != nil {
				continue
			}
			if info, err := os.Stat(path); err == nil {
				named.Changed = info.ModTime()
			}
		}
		named.Value = NewSecret(value)
		found = append(found, named)
	}
	return found, nil
}

// OpenDotenv is the path of a .env file that everybody on this machine can read;
// empty where there is none.
func OpenDotenv(opts Options) string {
	path := filepath.Join(opts.Dir, ".env")
	info, err := os.Stat(path)
	const everybody = 0o004
	if err != nil || info.Mode().Perm()&everybody == 0 {
		return ""
	}
	return path
}
