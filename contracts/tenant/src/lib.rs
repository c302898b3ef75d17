//! The contract that stands for one tenant on the ledger.
//!
//! It holds no name, address or health datum: only a commitment, from which the
//! platform can prove which tenant it means, the tenant's status, and the roots
//! of its audit log, so that a later change of that log can be detected.
//!
//! What the contract exports has plain comments: documentation comments would
//! become part of the code (1.4 KB), and rent is paid for them. docs/stellar.md
//! has the interface.
#![no_std]

mod events;
mod storage;
#[cfg(test)]
mod test;

use events::{AdminChanged, AdminProposed, AdminWithdrawn, Anchored, Created, StatusChanged, Upgraded};
use soroban_sdk::{contract, contracterror, contractimpl, contracttype, Address, BytesN, Env};
use storage::Store;

/// Counts the codes that were shipped; a change of the code raises it. The first
/// two had no function that tells it.
const VERSION: u32 = 3;

/// Seconds for which a proposed administrator may accept: a week, in which those
/// who hold the key together can meet. OpenZeppelin's ownable lets the caller
/// choose a ledger instead. A fixed time cannot be chosen wrongly, and contracts of
/// earlier code, which live beside these, take the same call. In seconds, since the
/// time between ledgers differs by network. Stored with the proposal, and not as
/// the life of a temporary entry: anybody may extend that.
const PROPOSAL_LIFE: u64 = 7 * 24 * 60 * 60;

// What the platform may do with the tenant.
#[contracttype]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    Active = 1,
    // Access is blocked, and can be given back.
    Suspended = 2,
    // The end: no other status follows, and the code cannot be replaced.
    Terminated = 3,
}

// The root of a Merkle tree over the audit records `from` to `to`, inclusive.
#[contracttype]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub root: BytesN<32>,
    pub from: u64,
    pub to: u64,
}

// Who may become the administrator, until a time in seconds since 1970.
#[contracttype]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub admin: Address,
    pub until: u64,
}

#[contracterror]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Error {
    // The tenant is terminated, which is final.
    Terminated = 1,
    // An anchor must start after the last one and must not be empty.
    NotMonotonic = 2,
    // Nobody is proposed as administrator, or no longer.
    NoProposal = 3,
}

#[contract]
pub struct Tenant;

#[contractimpl]
impl Tenant {
    // Runs once, in the transaction that creates the contract. A tenant's
    // contract is deployed as the last step before it works: it starts active.
    pub fn __constructor(env: Env, admin: Address, commitment: BytesN<32>) {
        let store = Store::new(&env);
        store.set_admin(&admin);
        store.set_commitment(&commitment);
        store.set_status(Status::Active);
        store.extend_ttl();
        Created { commitment, admin }.publish(&env);
    }

    // The version of the code, which an upgrade raises.
    pub fn version() -> u32 {
        VERSION
    }

    // Sets the status. Setting the current one again does nothing, so that a
    // caller who does not know whether it was done may repeat it.
    pub fn set_status(env: Env, status: Status) -> Result<(), Error> {
        let store = Store::new(&env);
        store.admin().require_auth();
        let previous = store.status();
        if previous == status {
            return Ok(());
        }
        if previous == Status::Terminated {
            return Err(Error::Terminated);
        }
        store.set_status(status);
        if status == Status::Terminated {
            store.clear_proposal();
        }
        store.extend_ttl();
        StatusChanged { commitment: store.commitment(), previous, status }.publish(&env);
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

    // Records the root of the audit records `from` to `to`. They must follow the
    // last anchored ones without a gap; the first record is 1. A terminated
    // tenant's last records can still be anchored.
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

    // Proposes another administrator, who takes over by `accept_admin` within a
    // week: a mistyped address cannot lock everybody out. A new proposal replaces
    // the last one; the end of the contract ends it.
    pub fn propose_admin(env: Env, admin: Address) -> Result<(), Error> {
        let store = Store::new(&env);
        store.admin().require_auth();
        if store.status() == Status::Terminated {
            return Err(Error::Terminated);
        }
        let until = env.ledger().timestamp() + PROPOSAL_LIFE;
        store.set_proposal(&Proposal { admin: admin.clone(), until });
        AdminProposed { commitment: store.commitment(), admin, until }.publish(&env);
        Ok(())
    }

    // Takes the proposal back. Without one it does nothing.
    pub fn withdraw_admin(env: Env) {
        let store = Store::new(&env);
        store.admin().require_auth();
        if let Some(Proposal { admin, .. }) = store.proposal() {
            store.clear_proposal();
            AdminWithdrawn { commitment: store.commitment(), admin }.publish(&env);
        }
    }

    // The proposal that can be accepted.
    pub fn proposed_admin(env: Env) -> Option<Proposal> {
        Store::new(&env).proposal()
    }

    // Makes the proposed administrator the administrator; only they can do it.
    pub fn accept_admin(env: Env) -> Result<(), Error> {
        let store = Store::new(&env);
        let Proposal { admin, .. } = store.proposal().ok_or(Error::NoProposal)?;
        admin.require_auth();
        store.set_admin(&admin);
        store.clear_proposal();
        AdminChanged { commitment: store.commitment(), admin }.publish(&env);
        Ok(())
    }

    // Replaces the code by another that was uploaded before.
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
