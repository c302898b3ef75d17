package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
)

// TestFilesAreReadAlike: .env and what a NAME_FILE names, as editors of every
// system write them; what is no UTF-8 is refused in words.
func TestFilesAreReadAlike(t *testing.T) {
	t.Parallel()
	const secret = "geheim-ñ"
	wide := func(little bool, text string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune(text)) {
			if little {
				b = append(b, byte(u), byte(u>>8))
			} else {
				b = append(b, byte(u>>8), byte(u))
			}
		}
		return string(b)
	}
	for name, c := range map[string]struct {
		encode func(string) string
		refuse string
	}{
		"plain":                 {encode: func(s string) string { return s }},
		"newline":               {encode: func(s string) string { return s + "\n" }},
		"CRLF":                  {encode: func(s string) string { return s + "\r\n" }},
		"byte order mark":       {encode: func(s string) string { return "\ufeff" + s + "\r\n" }},
		"UTF-16":                {encode: func(s string) string { return wide(true, "\ufeff"+s) }, refuse: "UTF-16"},
		"UTF-16, big endian":    {encode: func(s string) string { return wide(false, "\ufeff"+s) }, refuse: "UTF-16"},
		"UTF-16 without a mark": {encode: func(s string) string { return wide(true, s) }, refuse: "save"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, file := t.TempDir(), filepath.Join(t.TempDir(), "password")
			require.NoError(t, os.WriteFile(file, []byte(c.encode(secret)), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte(c.encode("REDIS_PASSWORD="+secret)), 0o600))
			for from, opts := range map[string]config.Options{
				".env": {Dir: dir, Environ: []string{}}, "NAME_FILE": {Dir: t.TempDir(), Environ: []string{"REDIS_PASSWORD_FILE=" + file}},
			} {
				cfg, err := config.Load(opts, config.NeedRedis)
				if c.refuse != "" {
					require.ErrorContains(t, err, c.refuse, from)
					require.ErrorContains(t, err, "UTF-8", from)
					continue
				}
				require.NoError(t, err, from)
				require.Equal(t, secret, cfg.Redis.Password.Reveal(), from)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "nothing")
	require.NoError(t, os.WriteFile(file, []byte("\ufeff\r\n"), 0o600))
	_, err := load(t, config.NeedRedis, "REDIS_PASSWORD_FILE="+file)
	require.ErrorContains(t, err, "is empty")
}
