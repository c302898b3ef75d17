package backup

import (
	"context"
	"fmt"
)

// The provisioning logs that have left the database lie beside the backups, under logs/.
// They hold nothing personal and nothing secret, are to be read by the api, and are known
// by their sum, which the database has: they are neither encrypted nor signed.

func keyOfLogs(name string) string { return "logs/" + name }

// PutLogs keeps an object of logs, and reads it back.
func (s *Store) PutLogs(ctx context.Context, name string, data []byte) error {
	return s.putDocument(ctx, keyOfLogs(name), data)
}

// Logs reads one.
func (s *Store) Logs(ctx context.Context, name string) ([]byte, error) {
	data, err := s.document(ctx, keyOfLogs(name))
	if absent(err) {
		return nil, fmt.Errorf("read logs/%s from the backup store: %w", name, ErrNoArchive)
	}
	return data, err
}

// RemoveLogs removes one, with what a writer that was killed has left of it in a directory.
// What is gone already is no error.
func (s *Store) RemoveLogs(ctx context.Context, name string) error {
	for key, err := range s.keys(ctx, keyOfLogs(name)) {
		if err != nil {
			return err
		}
		if err := s.remove(ctx, key); err != nil {
			return err
		}
	}
	return nil
}
