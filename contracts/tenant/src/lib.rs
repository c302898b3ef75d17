//! The contract that stands for one tenant on the ledger.
//!
//! It holds no name, address or health datum: only a commitment, from which the
//! platform can prove which tenant it means, the tenant's status, and the roots
//! of its audit log, so that a later change of that log can be detected.
#![no_std]

mod events;
mod storage;
#[cfg(test)]
mod test;

use events::{AdminChanged, AdminProposed, Anchored, StatusChanged, Upgraded};
use soroban_sdk::{contract, contracterror, contractimpl, contracttype, Address, BytesN, Env};
use storage::Store;

/// What the platform may do with the tenant.
#[contracttype]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    Active = 1,
    /// Access is blocked, and can be given back.
    Suspended = 2,
    /// The end: no other status follows, and the code cannot be replaced.
    Terminated = 3,
}

/// The root of a Merkle tree over the audit records `from` to `to`, inclusive.
#[contracttype]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub root: BytesN<32>,
    pub from: u64,
    pub to: u64,
}

#[contracterror]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Error {
    /// The tenant is terminated, which is final.
    Terminated = 1,
    /// An anchor must start after the last one and must not be empty.
    NotMonotonic = 2,
    /// Nobody was proposed as administrator.
    NoProposal = 3,
}

#[contract]
pub struct Tenant;

#[contractimpl]
impl Tenant {
    /// Runs once, in the transaction that creates the contract. A tenant's
    /// contract is deployed as the last step before it works: it starts active.
    pub fn __constructor(env: Env, admin: Address, commitment: BytesN<32>) {
        let store = Store::new(&env);
        store.set_admin(&admin);
        store.set_commitment(&commitment);
        store.set_status(Status::Active);
    }

    /// Sets the status. Setting the current one again does nothing, so that a
    /// caller who does not know whether it was done may repeat it.
    pub fn set_status(env: Env, status: Status) -> Result<(), Error> {
        let store = Store::new(&env);
        store.admin().require_auth();
        let current = store.status();
        if current == status {
            return Ok(());
        }
        if current == Status::Terminated {
            return Err(Error::Terminated);
        }
        store.set_status(status);
        if status != Status::Terminated {
            store.extend_ttl();
        }
        StatusChanged { commitment: store.commitment(), status }.publish(&env);
        Ok(())
    }

    pub fn status(env: Env) -> Status {
        Store::new(&env).status()
    }

    pub fn commitment(env: Env) -> BytesN<32> {
        Store::new(&env).commitment()
    }

    pub fn admin(env: Env) -> Address {
        Store::new(&env).admin()
    }

    /// Records the root of the audit records `from` to `to`. They must follow the
    /// last anchored ones without a gap; the first record is 1. A terminated
    /// tenant's last records can still be anchored.
    pub fn anchor(env: Env, root: BytesN<32>, from: u64, to: u64) -> Result<(), Error> {
        let store = Store::new(&env);
        store.admin().require_auth();
        let done = store.anchor().map_or(0, |a| a.to);
        if done.checked_add(1) != Some(from) || to < from {
            return Err(Error::NotMonotonic);
        }
        store.set_anchor(&Anchor { root: root.clone(), from, to });
        store.extend_ttl();
        Anchored { commitment: store.commitment(), root, from, to }.publish(&env);
        Ok(())
    }

    pub fn last_anchor(env: Env) -> Option<Anchor> {
        Store::new(&env).anchor()
    }

    /// Proposes another administrator, who takes over by `accept_admin`: a
    /// mistyped address cannot lock everybody out. A new proposal replaces the
    /// last one.
    pub fn propose_admin(env: Env, admin: Address) {
        let store = Store::new(&env);
        store.admin().require_auth();
        store.propose(&admin);
        AdminProposed { commitment: store.commitment(), admin }.publish(&env);
    }

    /// Makes the proposed administrator the administrator; only they can do it.
    pub fn accept_admin(env: Env) -> Result<(), Error> {
        let store = Store::new(&env);
        let admin = store.proposed().ok_or(Error::NoProposal)?;
        admin.require_auth();
        store.set_admin(&admin);
        store.clear_proposal();
        AdminChanged { commitment: store.commitment(), admin }.publish(&env);
        Ok(())
    }

    /// Replaces the code by another that was uploaded before.
    pub fn upgrade(env: Env, wasm_hash: BytesN<32>) -> Result<(), Error> {
        let store = Store::new(&env);
        store.admin().require_auth();
        if store.status() == Status::Terminated {
            return Err(Error::Terminated);
        }
        env.deployer().update_current_contract_wasm(wasm_hash.clone());
        Upgraded { commitment: store.commitment(), wasm_hash }.publish(&env);
        Ok(())
    }
}
