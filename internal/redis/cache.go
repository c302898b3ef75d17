package redis

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	_ "embed" // the script
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"tenant-provisioning/internal/answers"
)

//go:embed keep.lua
var keep string

// impatience is the part of Timeout that a question of the cache may take, 25 ms: the
// database answers in a few, so that to wait any longer for Redis is worth nothing.
const impatience = 4

// Cache keeps answers in Redis, sealed: what is in them is personal, and Redis, its
// backups and its replicas are not where that is kept. It shares the limiter's
// connections, and its opinion on whether Redis is of use.
type Cache struct {
	server *shared
	script *goredis.Script
	secret func(context.Context) ([]byte, error)

	mu sync.Mutex
	// seal is nil until the secret is known.
	seal cipher.AEAD
}

// NewCache makes a cache beside a limiter. The key of the seal is derived from a
// secret that all processes of an installation can read, once it is needed.
func NewCache(l *Limiter, secret func(context.Context) ([]byte, error)) *Cache {
	return &Cache{server: l.shared, script: goredis.NewScript(keep), secret: secret}
}

// sealer gives the seal; nil as long as the secret cannot be read, or was not yet.
func (c *Cache) sealer(ctx context.Context, read bool) (cipher.AEAD, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seal != nil || !read {
		return c.seal, nil
	}
	secret, err := c.secret(ctx)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "tenant-provisioning answers in Redis", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key of the cache: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make the seal of the cache: %w", err)
	}
	c.seal, err = cipher.NewGCMWithRandomNonce(block)
	return c.seal, err
}

// floorKey is where the floor of a subject is. What is between the braces decides where
// in a cluster: its entries are in the same place, as a script wants them.
func (c *Cache) floorKey(database string, s answers.Subject) string {
	sum := sha256.Sum256([]byte(database + "\n" + string(s.Tenant) + "\n" + string(s.Operation)))
	return c.server.config.Prefix + "answers:{" + hex.EncodeToString(sum[:16]) + "}"
}

func entryKey(floorKey string, q answers.Question) string {
	sum := sha256.Sum256([]byte(q.Key))
	return floorKey + ":" + hex.EncodeToString(sum[:16])
}

// digits are those of a number that compares as text.
const digits = 16

func number(n uint64) string { return fmt.Sprintf("%0*x", digits, n) }

// Get finds an entry. One that somebody has tampered with is none.
func (c *Cache) Get(ctx context.Context, database string, q answers.Question) (answers.Entry, bool) {
	seal, err := c.sealer(ctx, false)
	if err != nil || seal == nil {
		return answers.Entry{}, false
	}
	floorKey := c.floorKey(database, q.About)
	key := entryKey(floorKey, q)
	var floor, kept string
	err = c.do(ctx, func(ctx context.Context, client goredis.UniversalClient) error {
		pipe := client.Pipeline()
		f, k := pipe.Get(ctx, floorKey), pipe.Get(ctx, key)
		_, err := pipe.Exec(ctx)
		floor, kept = f.Val(), k.Val()
		if errors.Is(err, goredis.Nil) {
			return nil
		}
		return err
	})
	if err != nil || len(kept) < digits {
		return answers.Entry{}, false
	}
	e := answers.Entry{}
	if e.Snapshot, err = strconv.ParseUint(kept[:digits], 16, 64); err != nil {
		return e, false
	}
	if e.Floor, err = strconv.ParseUint(floor, 16, 64); floor != "" && err != nil {
		return e, false
	}
	e.Value, err = seal.Open(nil, nil, []byte(kept[digits:]), []byte(key+kept[:digits]))
	return e, err == nil
}

// Put keeps an entry, unless a newer one is there.
func (c *Cache) Put(ctx context.Context, database string, q answers.Question, e answers.Entry, keep time.Duration) {
	seal, err := c.sealer(ctx, true)
	if err != nil {
		return // the database has just answered, and will again
	}
	floorKey := c.floorKey(database, q.About)
	key, snapshot := entryKey(floorKey, q), number(e.Snapshot)
	kept := append([]byte(snapshot), seal.Seal(nil, nil, e.Value, []byte(key+snapshot))...)
	_ = c.do(ctx, func(ctx context.Context, client goredis.UniversalClient) error { // what is not kept is asked again
		return c.script.Run(ctx, client, []string{floorKey, key}, keep.Milliseconds(), number(e.Floor), kept).Err()
	})
}

// Raise tells all processes of a change.
func (c *Cache) Raise(ctx context.Context, database string, all []answers.Subject, transaction uint64, keep time.Duration) {
	_ = c.do(ctx, func(ctx context.Context, client goredis.UniversalClient) error { // they hear of it otherwise, a moment later
		pipe := client.Pipeline()
		for _, s := range all { // by its text: one that Redis does not know by its hash would need another round trip
			c.script.Eval(ctx, pipe, []string{c.floorKey(database, s)}, keep.Milliseconds(), number(transaction))
		}
		_, err := pipe.Exec(ctx)
		return err
	})
}

// do asks Redis, unless it is known to be of no use.
func (c *Cache) do(ctx context.Context, ask func(context.Context, goredis.UniversalClient) error) error {
	return c.server.do(ctx, c.server.config.Timeout/impatience, ask)
}
