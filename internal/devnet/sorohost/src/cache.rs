//! Parsed contract modules. The network charges *cached* instantiation, and
//! simulation prices it so: applying without a cache would use more
//! instructions than the simulation allowed.

use crate::{text, Result};
use soroban_env_host::{
    budget::{AsBudget, Budget},
    xdr::ContractCodeEntry,
    CompilationContext, Error, ErrorHandler, HostError, ModuleCache, Val,
};
use soroban_simulation::NetworkConfig;
use std::cell::RefCell;

/// What the cache charges its parsing to: a budget without a limit.
#[derive(Clone)]
pub struct Unmetered(Budget);

impl Unmetered {
    pub fn new(config: &NetworkConfig) -> Result<Self> {
        let (cpu, mem) = (config.cpu_cost_params.clone(), config.memory_cost_params.clone());
        Ok(Self(Budget::try_from_configs(u64::MAX, u64::MAX, cpu, mem).map_err(text)?))
    }
}

impl AsBudget for Unmetered {
    fn as_budget(&self) -> &Budget {
        &self.0
    }
}

impl ErrorHandler for Unmetered {
    fn map_err<T, E>(&self, res: core::result::Result<T, E>) -> core::result::Result<T, HostError>
    where
        Error: From<E>,
        E: core::fmt::Debug,
    {
        res.map_err(HostError::from)
    }
    fn error(&self, e: Error, _: &str, _: &[Val]) -> HostError {
        HostError::from(e)
    }
}

impl CompilationContext for Unmetered {}

thread_local! {
    static CACHE: RefCell<Option<ModuleCache>> = const { RefCell::new(None) };
}

/// The cache of this instance of the host.
pub fn modules(config: &NetworkConfig) -> Result<ModuleCache> {
    CACHE.with_borrow_mut(|slot| match slot {
        Some(cache) => Ok(cache.clone()),
        None => {
            let cache = ModuleCache::new(&Unmetered::new(config)?).map_err(text)?;
            Ok(slot.insert(cache).clone())
        }
    })
}

/// Puts a live contract's code into the cache. Code that this very transaction
/// restores is not cached yet and pays for being parsed.
pub fn prepare(cache: &ModuleCache, config: &NetworkConfig, code: &ContractCodeEntry, restored: bool) -> Result<()> {
    if restored {
        cache.remove_module(&code.hash).map_err(text)?;
        return Ok(());
    }
    if cache.contains_module(&code.hash).map_err(text)? {
        return Ok(());
    }
    let protocol = soroban_env_host::meta::INTERFACE_VERSION.protocol;
    cache.parse_and_cache_module_simple(&Unmetered::new(config)?, protocol, &code.code).map_err(text)
}
