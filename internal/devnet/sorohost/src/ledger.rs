//! The ledger, kept by the embedder and read through two imports:
//!
//! - `env.ledger_get(key_ptr, key_len) -> i64`: looks a LedgerKey up and returns
//!   the length of what was found, or -1.
//! - `env.ledger_read(dst)`: copies what the last `ledger_get` found: i64 LE
//!   live-until ledger (-1: the entry has no TTL), then LedgerEntry XDR.

use crate::{
    bundle::{decode, encode, number},
    text, Result,
};
use soroban_env_host::{
    storage::{EntryWithLiveUntil, SnapshotSource},
    xdr::{LedgerEntry, LedgerKey, ScErrorCode, ScErrorType},
    Error, HostError, LedgerInfo,
};
use soroban_simulation::NetworkConfig;
use std::rc::Rc;

#[link(wasm_import_module = "env")]
extern "C" {
    fn ledger_get(key: *const u8, len: usize) -> i64;
    fn ledger_read(dst: *mut u8);
}

/// Entry XDR and its live-until ledger.
pub type Found = (Vec<u8>, Option<u32>);

pub fn fetch(key: &LedgerKey) -> Result<Option<Found>> {
    let key = encode(key)?;
    let len = unsafe { ledger_get(key.as_ptr(), key.len()) };
    if len < 8 {
        return Ok(None);
    }
    let mut blob = vec![0u8; len as usize];
    unsafe { ledger_read(blob.as_mut_ptr()) };
    let entry = blob.split_off(8);
    let live = i64::from_le_bytes(blob.try_into().map_err(text)?);
    Ok(Some((entry, u32::try_from(live).ok())))
}

pub struct EmbedderLedger;

impl SnapshotSource for EmbedderLedger {
    fn get(&self, key: &Rc<LedgerKey>) -> core::result::Result<Option<EntryWithLiveUntil>, HostError> {
        let broken = |_| HostError::from(Error::from_type_and_code(ScErrorType::Storage, ScErrorCode::InternalError));
        let Some((entry, live)) = fetch(key).map_err(broken)? else {
            return Ok(None);
        };
        let entry: LedgerEntry = decode(&entry).map_err(broken)?;
        Ok(Some((Rc::new(entry), live)))
    }
}

pub fn network_config() -> Result<NetworkConfig> {
    NetworkConfig::load_from_snapshot(&EmbedderLedger).map_err(text)
}

/// Reads the 52 bytes: protocol u32, sequence u32, close time u64, base reserve
/// u32, network id [32], all little endian.
pub fn ledger_info(bytes: &[u8], config: &NetworkConfig) -> Result<LedgerInfo> {
    if bytes.len() != 52 {
        return Err("ledger info must be 52 bytes".into());
    }
    let mut info = LedgerInfo {
        protocol_version: number(&bytes[0..4])?,
        sequence_number: number(&bytes[4..8])?,
        timestamp: u64::from_le_bytes(bytes[8..16].try_into().map_err(text)?),
        base_reserve: number(&bytes[16..20])?,
        network_id: bytes[20..52].try_into().map_err(text)?,
        ..Default::default()
    };
    config.fill_config_fields_in_ledger_info(&mut info);
    Ok(info)
}
