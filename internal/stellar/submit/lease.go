package submit

import (
	"context"
	"errors"
	"time"

	"tenant-provisioning/internal/tenant"
)

const waitingForChannel = "waiting for a free channel account; SOROBAN_CHANNELS sets how many there are"

// queued is an attempt whose time was up, or that was stopped, before its turn
// came.
func queued(err error) error {
	return &tenant.StepError{
		Step: tenant.StepDeployContract, Class: tenant.ClassCapacity, Queued: true, Err: err,
		Reason: "no channel account was free for as long as the attempt lasted; SOROBAN_CHANNELS sets how many there are",
	}
}

// acquireSlot waits for a turn among those of this process.
func (s *Submitter) acquireSlot(ctx context.Context, slots chan struct{}, progress func(string)) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case slots <- struct{}{}:
			return nil
		case <-ctx.Done():
			return queued(ctx.Err())
		case <-tick.C:
			progress(waitingForChannel)
		}
	}
}

// lease waits for a free account. What an earlier holder left open on it is
// brought to its end first.
func (s *Submitter) lease(ctx context.Context, addresses []string, progress func(string)) (Lease, error) {
	p := s.rpc.NewPace()
	for {
		l, err := s.journal.Lease(ctx, s.cfg.Passphrase, addresses, leaseLength)
		switch {
		case err == nil && l.Orphan == "":
			return l, nil
		case err == nil:
			if err := s.settleOrphan(ctx, l, progress); err != nil {
				s.release(ctx, l)
				return Lease{}, err
			}
			continue
		case errors.Is(err, ErrAllSetAside):
			return Lease{}, s.setAside()
		case !errors.Is(err, ErrNoFreeChannel):
			return Lease{}, err
		}
		if len(addresses) == 1 && addresses[0] == s.cfg.Deployer.Address() {
			if err := s.helpDeployer(ctx, progress); err != nil {
				return Lease{}, err
			}
		}
		progress(waitingForChannel)
		if err := p.Wait(ctx); err != nil {
			return Lease{}, queued(err)
		}
	}
}

// settleOrphan finds out what became of a transaction whose owner has gone.
// One for a tenant is not sent again: only its operation may want that.
func (s *Submitter) settleOrphan(ctx context.Context, l Lease, progress func(string)) error {
	tx, err := s.journal.Find(ctx, l.Orphan)
	if err != nil {
		return err
	}
	if tx.State.Open() {
		_, err = s.fly(ctx, tx, false, tx.Fence == tenant.Fence{}, progress)
	}
	return err
}

// helpDeployer brings the deployer's open transaction to its end, so that one
// whose process was killed holds nobody up until it expires. It serves all
// tenants, so anybody may send it again.
func (s *Submitter) helpDeployer(ctx context.Context, progress func(string)) error {
	tx, err := s.journal.OpenOn(ctx, s.cfg.Passphrase, s.cfg.Deployer.Address())
	if errors.Is(err, tenant.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.fly(ctx, tx, false, true, progress)
	return err
}

// release gives back an account, also when the caller has been cancelled.
// Failing that, the lease runs out.
func (s *Submitter) release(ctx context.Context, l Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ReleaseTimeout)
	defer cancel()
	if err := s.journal.Release(ctx, l); err != nil {
		s.cfg.Logger.WarnContext(ctx, "a channel account stays leased until its time is over", "channel", l.Address, "error", err)
	}
}
