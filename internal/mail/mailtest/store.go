package mailtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// store keeps messages in the order of their arrival, and in a file of JSON
// lines if it has one.
type store struct {
	mu       sync.RWMutex
	file     *os.File // nil: memory only
	messages []Message
	byID     map[string]Message
}

// openStore reads the messages of an earlier run. What follows the last
// newline was being written when that run was killed: it was never
// acknowledged, and is cut off.
func openStore(path string) (*store, error) {
	s := &store{byID: map[string]Message{}}
	if path == "" {
		return s, nil
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read caught mail: %w", err)
	}
	whole := data[:bytes.LastIndexByte(data, '\n')+1]
	for number, line := range bytes.Split(whole, []byte{'\n'}) {
		if len(line) == 0 {
			continue
		}
		var m Message
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, fmt.Errorf("read caught mail: %s line %d: %w (remove the line or the file)", path, number+1, err)
		}
		s.keep(m)
	}
	if s.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("open caught mail: %w", err)
	}
	if err := s.file.Truncate(int64(len(whole))); err != nil {
		_ = s.file.Close()
		return nil, fmt.Errorf("cut torn line off caught mail: %w", err)
	}
	return s, nil
}

func (s *store) keep(m Message) {
	s.messages = append(s.messages, m)
	s.byID[m.ID] = m
}

// add keeps all messages of one request, or none.
func (s *store) add(messages []Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		var lines bytes.Buffer
		encoder := json.NewEncoder(&lines)
		for _, m := range messages {
			if err := encoder.Encode(m); err != nil {
				return fmt.Errorf("encode caught mail: %w", err)
			}
		}
		if _, err := s.file.Write(lines.Bytes()); err != nil {
			return fmt.Errorf("write caught mail: %w", err)
		}
	}
	for _, m := range messages {
		s.keep(m)
	}
	return nil
}

func (s *store) all() []Message {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.messages)
}

func (s *store) get(id string) (Message, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, ok := s.byID[id]
	return m, ok
}

func (s *store) clear() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		if err := s.file.Truncate(0); err != nil {
			return fmt.Errorf("empty caught mail: %w", err)
		}
	}
	s.messages, s.byID = nil, map[string]Message{}
	return nil
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}
