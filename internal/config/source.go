package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/viper"
)

// maxFileSize bounds what is read from a NAME_FILE. Kubernetes secrets end at
// 1 MiB; the longest real value here is a certificate chain.
const maxFileSize = 1 << 20

// source finds a setting. The process environment goes before .env; in each of
// them a name goes before its aliases.
type source struct {
	layers []layer
	// linked are the variables of the process that Kubernetes has set for its
	// Services, by name: they are taken for not set.
	linked map[string]string
	// names are all the variables there are, for settings with open-ended names.
	names []string
}

// layer finds a variable by its exact name. A variable that is set to nothing
// counts as unset, because that is what "${NAME:-}" in a compose file gives.
type layer func(name string) string

func newSource(environ []string, dir string) (*source, error) {
	process := make(map[string]string, len(environ))
	linked := map[string]string{}
	for _, kv := range environ {
		name, value, ok := strings.Cut(kv, "=")
		switch {
		case ok && isServiceLink(name, value):
			linked[name] = value
		case ok:
			process[name] = value
		}
	}
	file, err := readDotenv(filepath.Join(dir, ".env"))
	if err != nil {
		return nil, err
	}
	src := &source{
		layers: []layer{func(name string) string { return process[name] }, file.GetString},
		linked: linked,
		names:  slices.Collect(maps.Keys(process)),
	}
	for _, key := range file.AllKeys() {
		src.names = append(src.names, strings.ToUpper(key))
	}
	return src, nil
}

func readDotenv(path string) (*viper.Viper, error) {
	codecs := viper.NewCodecRegistry()
	if err := codecs.RegisterCodec("env", codec{}); err != nil {
		return nil, fmt.Errorf("register the .env decoder: %w", err)
	}
	v := viper.NewWithOptions(viper.WithDecoderRegistry(codecs), viper.KeyDelimiter("\x00"))
	v.SetConfigFile(path)
	v.SetConfigType("env")
	if err := v.ReadInConfig(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return v, nil
}

// codec makes a viper codec of the decoder. Nothing is ever written.
type codec struct{ dotenv }

func (codec) Encode(map[string]any) ([]byte, error) { return nil, errors.ErrUnsupported }

// lookup gives the value of the setting, empty when it is not set anywhere.
func (s *source) lookup(set setting) (string, error) {
	name, value, path, err := s.find(set)
	if err != nil || path == "" {
		return value, err
	}
	if value, err = readFile(path); err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	return value, nil
}

// find gives the value of the setting or the path of the file that holds it, and
// the name under which it was found. All are empty when it is not set anywhere.
func (s *source) find(set setting) (name, value, path string, err error) {
	for _, layer := range s.layers {
		for _, name := range append([]string{set.name}, set.aliases...) {
			value, path := layer(name), layer(name+"_FILE")
			if value != "" && path != "" {
				return "", "", "", fmt.Errorf("%s and %s_FILE are both set; expected one of them", name, name)
			}
			if value != "" || path != "" {
				return name, value, path, nil
			}
		}
	}
	return "", "", "", nil
}

// namesWithPrefix lists the settings that begin so, a NAME_FILE as NAME.
func (s *source) namesWithPrefix(prefix string) []string {
	var names []string
	for _, name := range s.names {
		if strings.HasPrefix(name, prefix) {
			names = append(names, strings.TrimSuffix(name, "_FILE"))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// readFile gives the text of a file without the newlines that editors and "echo"
// put at its end.
func readFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // it was only read
	// Not by its size, which a pipe or a device does not tell.
	data, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	switch {
	case err != nil:
		return "", err
	case len(data) > maxFileSize:
		return "", fmt.Errorf("%s is too long; expected at most %d bytes", path, maxFileSize)
	}
	text, err := decodeText(data)
	if err != nil {
		return "", fmt.Errorf("%s %w", path, err)
	}
	value := strings.TrimRight(text, "\r\n")
	if value == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return value, nil
}
