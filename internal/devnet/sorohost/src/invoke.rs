//! Execution of InvokeHostFunction in a closing ledger.

use crate::{
    bundle::{arguments, decode, encode_all, number, numbers, pack, unpack},
    cache::{self, Unmetered},
    fees::Declared,
    ledger::{fetch, ledger_info, network_config},
    text, Result,
};
use soroban_env_host::{
    budget::{AsBudget, Budget},
    e2e_invoke::{
        entry_size_for_rent, extract_rent_changes, invoke_host_function, InvokeHostFunctionResult, LedgerEntryChange,
        TtlLedgerEntryMeta,
    },
    fees::compute_rent_fee,
    ledger_info::get_key_durability,
    xdr::{ContractDataDurability, DiagnosticEvent, LedgerEntry, LedgerEntryData, LedgerKey, SorobanResources},
    LedgerInfo, ModuleCache,
};
use soroban_simulation::NetworkConfig;

/// How an execution ended.
#[derive(Clone, Copy)]
#[repr(u64)]
pub enum Status {
    Ok = 0,
    Trapped = 1,
    ResourceLimitExceeded = 2,
    EntryArchived = 3,
}

type StoredEntry = (Option<Vec<u8>>, Option<TtlLedgerEntryMeta>);

/// An entry of the footprint as the host gets it; absent ones are stored as none.
enum Entry {
    Stored(StoredEntry),
    /// Persistent and past its life: to be restored, or the execution fails.
    Archived(StoredEntry),
}

struct Execution<'a> {
    config: &'a NetworkConfig,
    info: &'a LedgerInfo,
    declared: Declared<'a>,
    /// Read-write indices of the entries that may be restored.
    restored: &'a [u32],
    diagnostics: Vec<DiagnosticEvent>,
}

/// in:  0 HostFunction, 1 SorobanResources, 2 restored read-write indices (u32 LE
///      each), 3 AccountId of the source, 4 [auth entries], 5 ledger info,
///      6 PRNG seed, 7 envelope size (u32 LE)
/// out: 0 error text, 1 numbers: status, instructions, memory, rent fee,
///      non-refundable fee, refundable events fee, bytes of events and return
///      value, 2 ScVal, 3 [changes], 4 [contract events], 5 [diagnostic events]
///      a change is: key, new value or empty, u8 read-only, old and new
///      live-until ledger or empty
pub fn invoke(input: &[u8]) -> Result<Vec<Vec<u8>>> {
    let [function, encoded_resources, restored, source, auth, info, seed, size] = arguments(input)?;
    let config = network_config()?;
    let info = ledger_info(info, &config)?;
    let resources: SorobanResources = decode(encoded_resources)?;
    let restored: Vec<u32> = restored.chunks_exact(4).map(number).collect::<Result<_>>()?;
    let mut run = Execution {
        config: &config,
        info: &info,
        declared: Declared {
            resources: &resources,
            restored: restored.len(),
            envelope_size: number(size)?,
            events_size: 0,
        },
        restored: &restored,
        diagnostics: vec![],
    };
    let budget = Budget::try_from_configs(
        resources.instructions.into(),
        config.tx_memory_limit.into(),
        config.cpu_cost_params.clone(),
        config.memory_cost_params.clone(),
    )
    .map_err(text)?;
    let modules = cache::modules(&config)?;
    let Some((entries, restored)) = run.entries(&modules)? else {
        return run.failed(Status::EntryArchived, "an archived entry is not in the restore list".into(), &budget);
    };
    let result = invoke_host_function(
        &budget,
        true,
        function.to_vec(),
        encoded_resources.to_vec(),
        &restored,
        source.to_vec(),
        unpack(auth)?.iter().map(|a| a.to_vec()).collect::<Vec<_>>().into_iter(),
        info.clone(),
        entries.into_iter(),
        seed.to_vec(),
        &mut run.diagnostics,
        None,
        Some(modules),
    );
    match result {
        Ok(InvokeHostFunctionResult { encoded_invoke_result: Ok(value), ledger_changes, encoded_contract_events }) => {
            run.succeeded(value, &ledger_changes, &encoded_contract_events, &budget)
        }
        Ok(InvokeHostFunctionResult { encoded_invoke_result: Err(e), .. }) | Err(e) => {
            run.failed(run.blame(&budget), text(e), &budget)
        }
    }
}

impl Execution<'_> {
    /// The footprint's entries in its order, read-only first, one item for each
    /// key, and the indices of those that are restored: a listed entry that
    /// somebody else has restored already is an ordinary live one. None when an
    /// archived entry is not listed.
    fn entries(&self, modules: &ModuleCache) -> Result<Option<(Vec<StoredEntry>, Vec<u32>)>> {
        let footprint = &self.declared.resources.footprint;
        let read_only = footprint.read_only.iter().map(|k| (None, k));
        let read_write = footprint.read_write.iter().enumerate().map(|(i, k)| (Some(i as u32), k));
        let unmetered = Unmetered::new(self.config)?;
        let (mut entries, mut restored) = (vec![], vec![]);
        for (index, key) in read_only.chain(read_write) {
            match self.entry(key, modules, &unmetered)? {
                Entry::Stored(entry) => entries.push(entry),
                Entry::Archived(entry) => match index.filter(|i| self.restored.contains(i)) {
                    Some(i) => {
                        entries.push(entry);
                        restored.push(i);
                    }
                    None => return Ok(None),
                },
            }
        }
        Ok(Some((entries, restored)))
    }

    fn entry(&self, key: &LedgerKey, modules: &ModuleCache, unmetered: &Unmetered) -> Result<Entry> {
        let (encoded, mut live) = match fetch(key)? {
            None => return Ok(Entry::Stored((None, None))),
            Some((encoded, None)) => return Ok(Entry::Stored((Some(encoded), None))),
            Some((encoded, Some(live))) => (encoded, live),
        };
        let expired = live < self.info.sequence_number;
        if expired && get_key_durability(key) == Some(ContractDataDurability::Temporary) {
            return Ok(Entry::Stored((None, None)));
        }
        if expired {
            live = self.info.min_live_until_ledger_checked(ContractDataDurability::Persistent).ok_or("TTL overflow")?;
        }
        let entry: LedgerEntry = decode(&encoded)?;
        if let LedgerEntryData::ContractCode(code) = &entry.data {
            cache::prepare(modules, self.config, code, expired)?;
        }
        let size = entry_size_for_rent(unmetered.as_budget(), &entry, encoded.len() as u32).map_err(text)?;
        let meta = TtlLedgerEntryMeta { live_until_ledger: live, entry_size_for_rent: size };
        let stored = (Some(encoded), Some(meta));
        Ok(if expired { Entry::Archived(stored) } else { Entry::Stored(stored) })
    }

    /// The host tells budget from other errors only in its text; the network
    /// decides by what was consumed, and so does this.
    fn blame(&self, budget: &Budget) -> Status {
        let cpu = budget.get_cpu_insns_consumed().unwrap_or(0);
        let mem = budget.get_mem_bytes_consumed().unwrap_or(0);
        if cpu > self.declared.resources.instructions.into() || mem > self.config.tx_memory_limit.into() {
            Status::ResourceLimitExceeded
        } else {
            Status::Trapped
        }
    }

    fn succeeded(
        &mut self,
        value: Vec<u8>,
        changes: &[LedgerEntryChange],
        events: &[Vec<u8>],
        budget: &Budget,
    ) -> Result<Vec<Vec<u8>>> {
        let rent = compute_rent_fee(
            &extract_rent_changes(changes),
            &self.config.rent_fee_configuration,
            self.info.sequence_number,
        );
        let size = value.len() + events.iter().map(|e| e.len()).sum::<usize>();
        self.declared.events_size = size as u32;
        let (fixed, refundable) = self.declared.fee(self.config);
        let spent = [rent as u64, fixed as u64, refundable as u64, size as u64];
        Ok(vec![
            vec![],
            self.consumed(Status::Ok, budget, spent),
            value,
            pack(&changes.iter().map(change).collect::<Vec<_>>()),
            pack(events),
            encode_all(&self.diagnostics)?,
        ])
    }

    fn failed(&self, status: Status, error: String, budget: &Budget) -> Result<Vec<Vec<u8>>> {
        let spent = [0, self.declared.fee(self.config).0 as u64, 0, 0];
        let none = pack::<&[u8]>(&[]);
        Ok(vec![
            error.into_bytes(),
            self.consumed(status, budget, spent),
            vec![],
            none.clone(),
            none,
            encode_all(&self.diagnostics)?,
        ])
    }

    fn consumed(&self, status: Status, budget: &Budget, spent: [u64; 4]) -> Vec<u8> {
        let cpu = budget.get_cpu_insns_consumed().unwrap_or(0);
        let mem = budget.get_mem_bytes_consumed().unwrap_or(0);
        let [rent, fixed, refundable, size] = spent;
        numbers(&[status as u64, cpu, mem, rent, fixed, refundable, size])
    }
}

fn change(c: &LedgerEntryChange) -> Vec<u8> {
    let ttl = match &c.ttl_change {
        Some(t) => numbers(&[t.old_live_until_ledger.into(), t.new_live_until_ledger.into()]),
        None => vec![],
    };
    let value = c.encoded_new_value.clone().unwrap_or_default();
    pack(&[c.encoded_key.clone(), value, vec![c.read_only as u8], ttl])
}
