package rest

import (
	"encoding/json"
	"fmt"
	"sync"

	"tenant-provisioning/internal/tenant"
)

// maxWired is how many events are kept as they are sent: more than come at a time.
const maxWired = 1024

// wire writes events as server-sent events, each once for all streams that send it at
// about the same time.
type wire struct {
	mu    sync.Mutex
	texts map[tenant.EventPosition][]byte
}

// of is an event as it is sent.
func (w *wire) of(e *tenant.ChangeEvent) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if text, known := w.texts[e.Position]; known {
		return text, nil
	}
	data, err := json.Marshal(viewEvent(e))
	if err != nil {
		return nil, fmt.Errorf("encode an event: %w", err)
	}
	if w.texts == nil || len(w.texts) == maxWired {
		w.texts = map[tenant.EventPosition][]byte{}
	}
	w.texts[e.Position] = fmt.Appendf(nil, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Type, data)
	return w.texts[e.Position], nil
}
