use crate::{
    bundle::{arguments, decode, encode, encode_all, number, numbers, pack},
    ledger::{ledger_info, network_config, EmbedderLedger},
    text, Result,
};
use soroban_env_host::{
    e2e_invoke::RecordingInvocationAuthMode,
    xdr::{AccountId, InvokeHostFunctionOp, LedgerFootprint, OperationBody},
    LedgerInfo,
};
use soroban_simulation::{
    simulation::{
        simulate_extend_ttl_op, simulate_invoke_host_function_op, simulate_restore_op,
        InvokeHostFunctionSimulationResult, SimulationAdjustmentConfig,
    },
    AutoRestoringSnapshotSource, NetworkConfig,
};
use std::rc::Rc;

/// in:  0 OperationBody, 1 AccountId of the source, 2 LedgerFootprint (extend and
///      restore), 3 ledger info, 4 PRNG seed, 5 flags: auth mode (0 enforce,
///      1 record, 2 record also non-root), 1 = upgraded address credentials,
///      6 instructions to add at least (u32 LE)
/// out: 0 error text, 1 SorobanTransactionData, 2 ScVal, 3 [auth entries],
///      4 [diagnostic events], 5 [contract events], 6 [before, after, ...],
///      7 instructions and memory, 8 SorobanTransactionData of the restoration
///      that has to go first (extend of archived entries)
pub fn simulate(input: &[u8]) -> Result<Vec<Vec<u8>>> {
    let [body, source, footprint, info, seed, flags, leeway] = arguments(input)?;
    let config = network_config()?;
    let info = ledger_info(info, &config)?;
    let mut out = vec![vec![]; 9];
    let data = match decode::<OperationBody>(body)? {
        OperationBody::InvokeHostFunction(op) => {
            let mut margin = margin();
            let additive = &mut margin.instructions.additive_factor;
            *additive = (*additive).max(number(leeway)?);
            return invoke(op, &config, &margin, &info, source, seed, flags);
        }
        OperationBody::ExtendFootprintTtl(op) => {
            let keys = decode::<LedgerFootprint>(footprint)?.read_only;
            let ledger = AutoRestoringSnapshotSource::new(Rc::new(EmbedderLedger), &info).map_err(text)?;
            let extended =
                simulate_extend_ttl_op(&ledger, &config, &margin(), &info, &keys, op.extend_to).map_err(text)?;
            if let Some(restore) = ledger.simulate_restore_keys_op(&config, &margin(), &info).map_err(text)? {
                out[8] = encode(&restore.transaction_data)?;
            }
            extended.transaction_data
        }
        OperationBody::RestoreFootprint(_) => {
            let keys = decode::<LedgerFootprint>(footprint)?.read_write;
            simulate_restore_op(&EmbedderLedger, &config, &margin(), &info, &keys).map_err(text)?.transaction_data
        }
        _ => return Err("not a Soroban operation".into()),
    };
    out[1] = encode(&data)?;
    Ok(out)
}

/// What is added to the measured resources: the simulation library's own default,
/// which is what Stellar RPC uses.
fn margin() -> SimulationAdjustmentConfig {
    SimulationAdjustmentConfig::default_adjustment()
}

fn invoke(
    op: InvokeHostFunctionOp,
    config: &NetworkConfig,
    margin: &SimulationAdjustmentConfig,
    info: &LedgerInfo,
    source: &[u8],
    seed: &[u8],
    flags: &[u8],
) -> Result<Vec<Vec<u8>>> {
    let [mode, upgraded] = flags.try_into().map_err(text)?;
    let mode = match mode {
        0 => RecordingInvocationAuthMode::Enforcing(op.auth.to_vec()),
        m => RecordingInvocationAuthMode::recording(m == 1, upgraded != 0),
    };
    let result = simulate_invoke_host_function_op(
        Rc::new(EmbedderLedger),
        config,
        margin,
        info,
        op.host_function,
        mode,
        &decode::<AccountId>(source)?,
        seed.try_into().map_err(text)?,
        true,
    )
    .map_err(text)?;
    report(&result)
}

fn report(result: &InvokeHostFunctionSimulationResult) -> Result<Vec<Vec<u8>>> {
    let (error, value) = match &result.invoke_result {
        Ok(value) => (vec![], encode(value)?),
        Err(e) => (text(e).into_bytes(), vec![]),
    };
    let data = result.transaction_data.as_ref().map(encode).transpose()?.unwrap_or_default();
    let mut entries = vec![];
    for entry in &result.modified_entries {
        for side in [&entry.state_before, &entry.state_after] {
            entries.push(side.as_ref().map(encode).transpose()?.unwrap_or_default());
        }
    }
    Ok(vec![
        error,
        data,
        value,
        encode_all(&result.auth)?,
        encode_all(&result.diagnostic_events)?,
        encode_all(&result.contract_events)?,
        pack(&entries),
        numbers(&[result.simulated_instructions.into(), result.simulated_memory.into()]),
        vec![],
    ])
}
