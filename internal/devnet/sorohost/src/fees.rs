//! Resource fees by the network's own formula.

use crate::{
    bundle::{arguments, decode, number, numbers},
    ledger::network_config,
    Result,
};
use soroban_env_host::{
    fees::{compute_transaction_resource_fee, TransactionResources},
    ledger_info::get_key_durability,
    xdr::SorobanResources,
};
use soroban_simulation::NetworkConfig;

/// What a transaction declares and what its fee depends on.
pub struct Declared<'a> {
    pub resources: &'a SorobanResources,
    /// Archived entries that the transaction restores.
    pub restored: usize,
    pub envelope_size: u32,
    /// Bytes of events and return value; known only after the execution.
    pub events_size: u32,
}

impl Declared<'_> {
    /// (non-refundable, refundable) part, in stroops, without rent.
    pub fn fee(&self, config: &NetworkConfig) -> (i64, i64) {
        let footprint = &self.resources.footprint;
        let keys = footprint.read_only.iter().chain(footprint.read_write.iter());
        // Only entries without a TTL and archived ones are read from disk.
        let classic = keys.filter(|k| get_key_durability(k).is_none()).count();
        let resources = TransactionResources {
            instructions: self.resources.instructions,
            disk_read_entries: (classic + self.restored) as u32,
            write_entries: footprint.read_write.len() as u32,
            disk_read_bytes: self.resources.disk_read_bytes,
            write_bytes: self.resources.write_bytes,
            contract_events_size_bytes: self.events_size,
            transaction_size_bytes: self.envelope_size,
        };
        compute_transaction_resource_fee(&resources, &config.fee_configuration)
    }
}

/// The least resource fee with which a transaction is admitted.
///
/// in:  0 SorobanResources, 1 number of restored entries, 2 envelope size (u32 LE)
/// out: 0 empty, 1 non-refundable fee (u64 LE)
pub fn declared(input: &[u8]) -> Result<Vec<Vec<u8>>> {
    let [resources, restored, size] = arguments(input)?;
    let resources: SorobanResources = decode(resources)?;
    let declared = Declared {
        resources: &resources,
        restored: number(restored)? as usize,
        envelope_size: number(size)?,
        events_size: 0,
    };
    let fee = declared.fee(&network_config()?).0;
    Ok(vec![vec![], numbers(&[fee as u64])])
}
