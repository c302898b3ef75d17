//! The cost parameters that the host's crate was calibrated with, read back by
//! charging each cost type once and looking at what was counted.

use crate::{bundle::encode, text, Result};
use soroban_env_host::{
    budget::{AsBudget, Budget},
    xdr::{ContractCostParamEntry, ContractCostParams, ContractCostType, ExtensionPoint},
};

/// Linear terms are scaled by this: an input of 128 shows them whole.
const SCALE: u64 = 128;

/// in:  empty
/// out: 0 empty, 1 ContractCostParams of instructions, 2 the same of memory,
///      3 the host's protocol (u32 LE)
pub fn describe(_: &[u8]) -> Result<Vec<Vec<u8>>> {
    let (mut cpu, mut mem) = (vec![], vec![]);
    for cost in ContractCostType::variants() {
        let (c, m) = parameters(cost);
        cpu.push(c);
        mem.push(m);
    }
    let protocol = soroban_env_host::meta::INTERFACE_VERSION.protocol;
    let params = |v: Vec<_>| encode(&ContractCostParams(v.try_into().map_err(text)?));
    Ok(vec![vec![], params(cpu)?, params(mem)?, protocol.to_le_bytes().to_vec()])
}

struct Charge {
    cpu: i64,
    mem: i64,
    accepted: bool,
}

fn charge(cost: ContractCostType, input: Option<u64>) -> Charge {
    let budget = Budget::default();
    let accepted = budget.as_budget().charge(cost, input).is_ok();
    let tracker = budget.get_tracker(cost).unwrap_or_default();
    Charge { cpu: tracker.cpu as i64, mem: tracker.mem as i64, accepted }
}

fn parameters(cost: ContractCostType) -> (ContractCostParamEntry, ContractCostParamEntry) {
    let entry = |const_term, linear_term| ContractCostParamEntry { ext: ExtensionPoint::V0, const_term, linear_term };
    // A constant model refuses an input and charges nothing, a linear one
    // refuses to go without: ask without first.
    let flat = charge(cost, None);
    if flat.accepted {
        return (entry(flat.cpu, 0), entry(flat.mem, 0));
    }
    let base = charge(cost, Some(0));
    let cpu = charge(cost, Some(SCALE)).cpu - base.cpu;
    // Memory is counted only where the instructions fit the default limit: take
    // the largest input that fits. Exact but for the low bits of three types.
    let mem = [SCALE, SCALE / 2, SCALE / 4, SCALE / 8, SCALE / 16].into_iter().find_map(|n| {
        let c = charge(cost, Some(n));
        c.accepted.then_some((c.mem - base.mem) * (SCALE / n) as i64)
    });
    (entry(base.cpu, cpu), entry(base.mem, mem.unwrap_or(0)))
}
