//! Everything is in the instance entry: it is read and paid for as one, and lives
//! and is archived as one.

use crate::{Anchor, Proposal, Status};
use soroban_sdk::{contracttype, storage::Instance, Address, BytesN, Env};

/// Ledgers of a day, at five seconds each.
const DAY: u32 = 17_280;

/// The constructor, a change of status and an anchor renew an instance that would
/// be archived within a month, for as long as a new entry of the public network
/// lives: 120 days, of at most 180 (stellar-docs, storage strategies, July 2026).
/// There a creation costs no more by it. On testnet, where a new entry lives for
/// seven days, a contract does not end with its first week. A month is longer than
/// the three weeks of `starter doctor`: it warns of none that was just used.
const TTL_THRESHOLD: u32 = 30 * DAY;
const TTL_EXTEND_TO: u32 = 120 * DAY;

/// The code before version 3 kept a proposal, which never ended, under the name
/// Proposed. It is not read any more: an upgrade ends it.
#[contracttype]
enum Key {
    Admin,
    Anchor,
    Commitment,
    Proposal,
    Status,
}

pub struct Store {
    env: Env,
    instance: Instance,
}

impl Store {
    pub fn new(env: &Env) -> Self {
        Self { env: env.clone(), instance: env.storage().instance() }
    }

    pub fn admin(&self) -> Address {
        self.instance.get(&Key::Admin).unwrap() // set by the constructor
    }

    pub fn set_admin(&self, admin: &Address) {
        self.instance.set(&Key::Admin, admin);
    }

    /// The proposal that can still be accepted.
    pub fn proposal(&self) -> Option<Proposal> {
        let proposal: Proposal = self.instance.get(&Key::Proposal)?;
        (self.env.ledger().timestamp() < proposal.until).then_some(proposal)
    }

    pub fn set_proposal(&self, proposal: &Proposal) {
        self.instance.set(&Key::Proposal, proposal);
    }

    pub fn clear_proposal(&self) {
        self.instance.remove(&Key::Proposal);
    }

    pub fn commitment(&self) -> BytesN<32> {
        self.instance.get(&Key::Commitment).unwrap() // set by the constructor
    }

    pub fn set_commitment(&self, commitment: &BytesN<32>) {
        self.instance.set(&Key::Commitment, commitment);
    }

    pub fn status(&self) -> Status {
        self.instance.get(&Key::Status).unwrap() // set by the constructor
    }

    pub fn set_status(&self, status: Status) {
        self.instance.set(&Key::Status, &status);
    }

    pub fn anchor(&self) -> Option<Anchor> {
        self.instance.get(&Key::Anchor)
    }

    pub fn set_anchor(&self, anchor: &Anchor) {
        self.instance.set(&Key::Anchor, anchor);
    }

    /// Renews the instance alone. `Instance::extend_ttl` would renew the code as
    /// well, which all tenants share: the first to make a change would pay the
    /// rent of it for everybody, some hundred times that of its own entry. A
    /// terminated contract is left to be archived.
    pub fn extend_ttl(&self) {
        if self.status() == Status::Terminated {
            return;
        }
        let this = self.env.current_contract_address();
        self.env.deployer().extend_ttl_for_contract_instance(this, TTL_THRESHOLD, TTL_EXTEND_TO);
    }
}
