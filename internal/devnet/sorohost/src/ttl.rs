//! ExtendFootprintTtl and RestoreFootprint, which run no contract.

use crate::{
    bundle::{arguments, decode, encode, number, numbers, pack},
    cache::Unmetered,
    fees::Declared,
    invoke::Status,
    ledger::{fetch, ledger_info, network_config},
    text, Result,
};
use soroban_env_host::{
    budget::AsBudget,
    e2e_invoke::entry_size_for_rent,
    fees::{compute_rent_fee, LedgerEntryRentChange},
    ledger_info::get_key_durability,
    xdr::{ContractDataDurability, LedgerEntry, LedgerKey, OperationBody, SorobanResources},
};
use soroban_simulation::NetworkConfig;

#[derive(Clone, Copy)]
enum Goal {
    ExtendTo(u32),
    RestoreUntil(u32),
}

/// in:  0 OperationBody, 1 SorobanResources, 2 ledger info, 3 envelope size (u32 LE)
/// out: as of `invoke`
pub fn apply(input: &[u8]) -> Result<Vec<Vec<u8>>> {
    let [body, resources, info, size] = arguments(input)?;
    let config = network_config()?;
    let info = ledger_info(info, &config)?;
    let seq = info.sequence_number;
    let resources: SorobanResources = decode(resources)?;
    let persistent = ContractDataDurability::Persistent;
    let (keys, goal) = match decode::<OperationBody>(body)? {
        OperationBody::ExtendFootprintTtl(op) if op.extend_to >= config.max_entry_ttl => {
            return Err("extend_to is above the network's maximum".into());
        }
        OperationBody::ExtendFootprintTtl(op) => (&resources.footprint.read_only, Goal::ExtendTo(seq + op.extend_to)),
        OperationBody::RestoreFootprint(_) => {
            let until = info.min_live_until_ledger_checked(persistent).ok_or("TTL overflow")?;
            (&resources.footprint.read_write, Goal::RestoreUntil(until))
        }
        _ => return Err("not a TTL operation".into()),
    };
    let (mut rent, mut changes, mut restored_bytes) = (vec![], vec![], 0u32);
    for key in keys.iter() {
        let Some(step) = plan(key, goal, seq, &config)? else { continue };
        restored_bytes += step.read;
        changes.push(pack(&[
            encode(key)?,
            vec![],
            vec![1],
            numbers(&[step.rent.old_live_until_ledger.into(), step.rent.new_live_until_ledger.into()]),
        ]));
        rent.push(step.rent);
    }
    let restored = match goal {
        Goal::ExtendTo(_) => 0,
        Goal::RestoreUntil(_) => rent.len(),
    };
    let too_much = restored_bytes > resources.disk_read_bytes || restored_bytes > resources.write_bytes;
    let status = if too_much { Status::ResourceLimitExceeded } else { Status::Ok };
    let declared = Declared { resources: &resources, restored, envelope_size: number(size)?, events_size: 0 };
    let fixed = declared.fee(&config).0 as u64;
    let rent = compute_rent_fee(&rent, &config.rent_fee_configuration, seq) as u64;
    let none = pack::<&[u8]>(&[]);
    Ok(vec![vec![], numbers(&[status as u64, 0, 0, rent, fixed, 0, 0]), vec![], pack(&changes), none.clone(), none])
}

struct Step {
    rent: LedgerEntryRentChange,
    /// Bytes read from and written back to the archive.
    read: u32,
}

/// None where there is nothing to do: absent, already archived (or live), long enough.
fn plan(key: &LedgerKey, goal: Goal, seq: u32, config: &NetworkConfig) -> Result<Option<Step>> {
    let Some((encoded, Some(live))) = fetch(key)? else {
        return Ok(None);
    };
    let entry: LedgerEntry = decode(&encoded)?;
    let unmetered = Unmetered::new(config)?;
    let size = entry_size_for_rent(unmetered.as_budget(), &entry, encoded.len() as u32).map_err(text)?;
    let is_persistent = get_key_durability(key) == Some(ContractDataDurability::Persistent);
    // A restored entry pays rent as a new one: no old size, no old life.
    let (old_live, new_live, old_size, read) = match goal {
        Goal::ExtendTo(until) if live >= seq && live < until => (live, until, size, 0),
        Goal::RestoreUntil(until) if live < seq && is_persistent => (0, until, 0, encoded.len() as u32),
        _ => return Ok(None),
    };
    let rent = LedgerEntryRentChange {
        is_persistent,
        is_code_entry: matches!(key, LedgerKey::ContractCode(_)),
        old_size_bytes: old_size,
        new_size_bytes: size,
        old_live_until_ledger: old_live,
        new_live_until_ledger: new_live,
    };
    Ok(Some(Step { rent, read }))
}
