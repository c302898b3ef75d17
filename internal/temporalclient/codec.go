package temporalclient

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// What an encrypted payload carries in clear. The encoding is the one of
// Temporal's own samples, which the Web UI shows as encrypted.
const (
	encodingEncrypted = "binary/encrypted"
	metadataKeyID     = "encryption-key-id"
)

// Key is one encryption key.
type Key struct {
	// ID travels with each payload, so that a key can be replaced: new payloads
	// get the first key of a configuration, old ones are read with theirs. Use
	// an id once; a key may be dropped when no run that used it is retained.
	ID string
	// Secret is 32 bytes, for AES-256. Nonces are random: replace a key before
	// it has encrypted four billion payloads.
	Secret []byte
}

// Codec encrypts payloads with AES-256-GCM. A payload that is not encrypted
// passes through when it is decoded, because signals that operators send with
// the command line arrive in clear. So the encryption hides what the engine
// stores; it does not prove who wrote it: that is what the engine's own
// authorisation is for.
type Codec struct {
	current string
	ciphers map[string]cipher.AEAD
}

var _ converter.PayloadCodec = (*Codec)(nil)

// NewCodec encrypts with the first key and decrypts with any. It needs at
// least one.
func NewCodec(keys []Key) (*Codec, error) {
	if len(keys) == 0 {
		return nil, errors.New("payload codec: no key")
	}
	codec := &Codec{current: keys[0].ID, ciphers: make(map[string]cipher.AEAD, len(keys))}
	for _, key := range keys {
		if key.ID == "" {
			return nil, errors.New("payload codec: a key without id")
		}
		if _, twice := codec.ciphers[key.ID]; twice {
			return nil, fmt.Errorf("payload codec: two keys with id %q", key.ID)
		}
		if len(key.Secret) != aes256 {
			return nil, fmt.Errorf("payload codec: key %q has %d bytes, expected %d", key.ID, len(key.Secret), aes256)
		}
		block, err := aes.NewCipher(key.Secret)
		if err != nil {
			return nil, fmt.Errorf("payload codec: key %q: %w", key.ID, err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("payload codec: key %q: %w", key.ID, err)
		}
		codec.ciphers[key.ID] = aead
	}
	return codec, nil
}

const aes256 = 32

// errAltered is a payload that its key does not open.
var errAltered = errors.New("was altered")

// encrypts is false for a codec without keys.
func (c *Codec) encrypts() bool { return c.current != "" }

// Encode encrypts each payload, its metadata included.
func (c *Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	if !c.encrypts() {
		return payloads, nil
	}
	encoded := make([]*commonpb.Payload, len(payloads))
	for i, payload := range payloads {
		plain, err := proto.Marshal(payload)
		if err != nil {
			return nil, fmt.Errorf("encrypt a payload: %w", err)
		}
		encoded[i] = &commonpb.Payload{
			Metadata: map[string][]byte{
				converter.MetadataEncoding: []byte(encodingEncrypted),
				metadataKeyID:              []byte(c.current),
			},
			Data: c.ciphers[c.current].Seal(nil, nil, plain, []byte(c.current)),
		}
	}
	return encoded, nil
}

// Decode decrypts what Encode made and passes everything else through. It fails
// on a payload whose key it does not have, and on one that was altered.
func (c *Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	decoded := make([]*commonpb.Payload, len(payloads))
	for i, payload := range payloads {
		if string(payload.GetMetadata()[converter.MetadataEncoding]) != encodingEncrypted {
			decoded[i] = payload
			continue
		}
		plain, err := c.decrypt(payload)
		if err != nil {
			return nil, err
		}
		decoded[i] = plain
	}
	return decoded, nil
}

func (c *Codec) decrypt(payload *commonpb.Payload) (*commonpb.Payload, error) {
	id := payload.GetMetadata()[metadataKeyID]
	aead, ok := c.ciphers[string(id)]
	if !c.encrypts() {
		return nil, fmt.Errorf("decrypt a payload: PAYLOAD_KEYS is not set here, and it is encrypted with the key %q", id)
	}
	if !ok {
		return nil, fmt.Errorf("decrypt a payload: its key %q is not in PAYLOAD_KEYS; add it after the current one", id)
	}
	plain, err := aead.Open(nil, nil, payload.GetData(), id)
	if err != nil {
		return nil, fmt.Errorf("decrypt a payload with key %q: it %w, or another key has that id: %w", id, errAltered, err)
	}
	var decoded commonpb.Payload
	if err := proto.Unmarshal(plain, &decoded); err != nil {
		return nil, fmt.Errorf("decrypt a payload with key %q: %w", id, err)
	}
	return &decoded, nil
}
