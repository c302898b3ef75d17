package main

import (
	"context"
	"fmt"
	"os"
	"sync"
)

// cause goes through the plan: it creates tenants, lets them live in lives, and
// kills, round by round.
func (c *chaos) cause(ctx context.Context, p plan, lives *sync.WaitGroup) error {
	for i, r := range p {
		if err := c.play(ctx, i+1, r, lives); err != nil {
			return err
		}
	}
	return c.bring(ctx, ledgerWell)
}

// play brings about a round's fault, creates its tenants and kills its victim.
func (c *chaos) play(ctx context.Context, number int, r round, lives *sync.WaitGroup) error {
	if err := c.bring(ctx, r.fault); err != nil {
		return err
	}
	for n, l := range r.lives {
		s := &story{life: l, name: fmt.Sprintf("Hospital %d of round %d", n+1, number)}
		if err := c.create(ctx, s); err != nil {
			return fmt.Errorf("create %s: %w", s.name, err)
		}
		c.stories = append(c.stories, s)
		lives.Go(func() { s.wrong = c.live(ctx, s) })
	}
	if err := sleep(ctx, r.wait); err != nil {
		return err
	}
	if err := c.kill(ctx, r.victim); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "chaos: round %d: kill -9 of %s, after %d tenants and %d ms; the ledger: %s\n", number, r.victim, len(r.lives), r.wait.Milliseconds(), r.fault)
	return nil
}
