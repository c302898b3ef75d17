package stellar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/stellar/rpc"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

const (
	// keptFor is for how long entries are made to live: as long as new ones of the public
	// network do (minPersistentTTL, 2,073,600 ledgers of 5 s). An entry is extended when
	// half of that is left, so that each has months of failing keepers before it is
	// archived, at no other price: rent is paid by the ledger.
	keptFor = 120 * 24 * time.Hour
	// extendedAtOnce and restoredAtOnce are how many entries one transaction extends or
	// restores: a quarter of what the public network reads (400) and writes (200).
	extendedAtOnce = 100
	restoredAtOnce = 50
)

// Keep makes contracts and the code that they run live on, with the code that we
// deploy: it restores what is archived and extends what has less than half of its time
// left, the code before the contracts. It may be repeated, and stopped at any point.
// What cannot be done does not keep the rest from being done; the lives are told in any
// case.
//
// Errors are those of Deploy.
func (d *Deployer) Keep(ctx context.Context, contracts []tenant.EntryLife, progress func(detail string)) (tenant.Keeping, error) {
	seen := witnessOf(progress)
	k := newKeeping(d, contracts, seen.say)
	err := k.run(ctx)
	return k.told(), d.explainCut(ctx, err, seen)
}

// Watch is Keep without doing anything.
func (d *Deployer) Watch(ctx context.Context, contracts []tenant.EntryLife, progress func(detail string)) (tenant.Keeping, error) {
	seen := witnessOf(progress)
	k := newKeeping(d, contracts, seen.say)
	err := k.look(ctx)
	return k.told(), d.explainCut(ctx, err, seen)
}

// keeping is one call of Keep.
type keeping struct {
	d        *Deployer
	progress func(string)
	// contracts have the keys of instances, in order; nameless are those whose address
	// is none. Nothing can be on the ledger there, and the others are kept nevertheless.
	contracts, nameless []tenant.EntryLife
	// ledger is the newest one, and pace how long a ledger takes.
	ledger uint32
	pace   time.Duration
	// restored and extended count the entries.
	restored, extended int
	// target is until when entries live that are extended, in ledgers from now.
	target           uint32
	codes, instances entries
}

// entries are some of one kind, with their lives.
type entries struct {
	keys  []xdr.LedgerKey
	lives []rpc.Life
}

func newKeeping(d *Deployer, contracts []tenant.EntryLife, progress func(string)) *keeping {
	k := &keeping{d: d, progress: progress}
	for _, c := range contracts {
		id, err := parseContract(c.Entry)
		if err != nil {
			k.nameless = append(k.nameless, c)
			continue
		}
		k.contracts = append(k.contracts, c)
		k.instances.keys = append(k.instances.keys, instanceKey(id))
	}
	return k
}

func (k *keeping) run(ctx context.Context) error {
	if err := k.d.rpc.Confirm(ctx); err != nil {
		return err
	}
	if err := k.look(ctx); err != nil {
		return err
	}
	if err := k.aim(ctx); err != nil {
		return err
	}
	// The code comes first: a contract without it cannot be called.
	return errors.Join(k.keep(ctx, k.codes), k.keep(ctx, k.instances), k.look(ctx))
}

// look asks for the lives of contracts and of their code, and for the network's pace.
func (k *keeping) look(ctx context.Context) error {
	k.progress(fmt.Sprintf("asking how long %d contracts and their code live", len(k.contracts)))
	h, err := k.d.Facts().health(ctx)
	if err != nil {
		return err
	}
	k.pace = pace(h)
	instances := entries{keys: k.instances.keys}
	floor := k.ledger
	if instances.lives, _, err = k.d.rpc.Lives(ctx, floor, k.progress, instances.keys...); err != nil {
		return err
	}
	hashes := []xdr.Hash{k.d.codeHash}
	for _, l := range instances.lives {
		if l.Code != nil && !slices.Contains(hashes, *l.Code) {
			hashes = append(hashes, *l.Code)
		}
	}
	var codes entries
	for _, hash := range hashes {
		codes.keys = append(codes.keys, codeKey(hash))
	}
	if codes.lives, k.ledger, err = k.d.rpc.Lives(ctx, floor, k.progress, codes.keys...); err != nil {
		return err
	}
	k.codes, k.instances = codes, instances
	return nil
}

// aim decides for how long entries are to live, within what the network allows.
func (k *keeping) aim(ctx context.Context) error {
	key := xdr.LedgerKey{Type: xdr.LedgerEntryTypeConfigSetting, ConfigSetting: &xdr.LedgerKeyConfigSetting{ConfigSettingId: xdr.ConfigSettingIdConfigSettingStateArchival}}
	entries, _, err := k.d.rpc.Read(ctx, 0, k.progress, key)
	if err != nil {
		return err
	}
	if entries[0] == nil {
		return errors.New("the Stellar RPC server does not tell the network's settings of archival")
	}
	longest := uint32(entries[0].MustConfigSetting().MustStateArchivalSettings().MaxEntryTtl) - 1
	k.target = longest
	if ledgers := int64(keptFor / max(k.pace, time.Millisecond)); ledgers < int64(longest) {
		k.target = uint32(ledgers)
	}
	return nil
}

// keep restores and extends entries, by their lives.
func (k *keeping) keep(ctx context.Context, e entries) error {
	var archived, short []xdr.LedgerKey
	for i, l := range e.lives {
		if l.Archived {
			archived = append(archived, e.keys[i])
		}
		if l.Archived || k.short(l, k.ledger) {
			short = append(short, e.keys[i])
		}
	}
	failed := k.d.restore(ctx, archived, k.progress)
	if failed == nil {
		k.restored += len(archived)
	}
	// What could not be restored is left out by extend, and the rest must not lapse for it.
	return errors.Join(failed, inBatches(short, extendedAtOnce, func(keys []xdr.LedgerKey) error { return k.extend(ctx, keys) }))
}

// short reports whether an entry that lives has less than half of its time left.
func (k *keeping) short(l rpc.Life, ledger uint32) bool {
	return !l.Absent && !l.Archived && l.Left(ledger) < int64(k.target/2)
}

// extend makes entries live until the target, those that do not yet.
func (k *keeping) extend(ctx context.Context, keys []xdr.LedgerKey) error {
	extended := 0
	err := k.d.sendForAll(ctx, submit.PurposeExtend, func(ctx context.Context, floor uint32) ([]txnbuild.Operation, error) {
		short, err := k.d.pick(ctx, floor, keys, k.short, k.progress)
		if extended = len(short); err != nil || extended == 0 {
			return nil, err
		}
		return []txnbuild.Operation{&txnbuild.ExtendFootprintTtl{
			SourceAccount: k.d.Address(), ExtendTo: k.target, Ext: footprint(xdr.LedgerFootprint{ReadOnly: short}),
		}}, nil
	}, k.progress)
	if err == nil {
		k.extended += extended
	}
	return err
}

// restore brings archived entries back, those that are.
func (d *Deployer) restore(ctx context.Context, keys []xdr.LedgerKey, progress func(string)) error {
	return inBatches(keys, restoredAtOnce, func(keys []xdr.LedgerKey) error {
		return d.sendForAll(ctx, submit.PurposeRestore, func(ctx context.Context, floor uint32) ([]txnbuild.Operation, error) {
			archived, err := d.pick(ctx, floor, keys, func(l rpc.Life, _ uint32) bool { return l.Archived }, progress)
			if err != nil || len(archived) == 0 {
				return nil, err
			}
			return []txnbuild.Operation{&txnbuild.RestoreFootprint{
				SourceAccount: d.Address(), Ext: footprint(xdr.LedgerFootprint{ReadWrite: archived}),
			}}, nil
		}, progress)
	})
}

// inBatches does something for entries, so many at once, and fewer where that is too
// dear for one transaction. An entry that is too dear by itself is told at the end: the
// others may not be.
func inBatches(keys []xdr.LedgerKey, most int, do func([]xdr.LedgerKey) error) error {
	var tooDear error
	for some := range slices.Chunk(keys, most) {
		err := do(some)
		if errors.Is(err, submit.ErrTooDear) && len(some) > 1 {
			err = inBatches(some, (len(some)+1)/2, do)
		}
		switch {
		case errors.Is(err, submit.ErrTooDear):
			tooDear = err
		case err != nil:
			return err
		}
	}
	return tooDear
}

// pick are the keys whose entries are so.
func (d *Deployer) pick(ctx context.Context, floor uint32, keys []xdr.LedgerKey, is func(l rpc.Life, ledger uint32) bool, progress func(string)) ([]xdr.LedgerKey, error) {
	lives, ledger, err := d.rpc.Lives(ctx, floor, progress, keys...)
	if err != nil {
		return nil, err
	}
	var picked []xdr.LedgerKey
	for i, l := range lives {
		if is(l, ledger) {
			picked = append(picked, keys[i])
		}
	}
	return picked, nil
}

// footprint names the entries of an operation; what it costs is for the simulation to
// tell.
func footprint(f xdr.LedgerFootprint) xdr.TransactionExt {
	return xdr.TransactionExt{V: 1, SorobanData: &xdr.SorobanTransactionData{Resources: xdr.SorobanResources{Footprint: f}}}
}

// told is what was seen of the entries, the code first.
func (k *keeping) told() tenant.Keeping {
	kept := tenant.Keeping{Restored: k.restored, Extended: k.extended}
	tell := func(e tenant.EntryLife, l rpc.Life) {
		e.Absent, e.Archived, e.Until, e.Left = l.Absent, l.Archived, l.Until, time.Duration(l.Left(k.ledger))*k.pace
		kept.Lives = append(kept.Lives, e)
	}
	for i, l := range k.codes.lives {
		tell(tenant.EntryLife{Entry: k.codes.keys[i].ContractCode.Hash.HexString()}, l)
	}
	for i, l := range k.instances.lives {
		tell(k.contracts[i], l)
	}
	for _, c := range k.nameless {
		tell(c, rpc.Life{Absent: true})
	}
	return kept
}
