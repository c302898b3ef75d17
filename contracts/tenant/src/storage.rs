//! Everything is in the instance entry: it is read and paid for as one, and lives
//! and is archived as one.

use crate::{Anchor, Status};
use soroban_sdk::{contracttype, storage::Instance, Address, BytesN, Env};

/// Ledgers of a day, at five seconds each.
const DAY: u32 = 17_280;

/// A change renews an instance that would be archived within a month, for three:
/// a tenant that is worked with stays live, and who makes the change pays. One
/// that nobody touches is archived, and restored by the next transaction.
const TTL_THRESHOLD: u32 = 30 * DAY;
const TTL_EXTEND_TO: u32 = 90 * DAY;

#[contracttype]
enum Key {
    Admin,
    Anchor,
    Commitment,
    Proposed,
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

    pub fn proposed(&self) -> Option<Address> {
        self.instance.get(&Key::Proposed)
    }

    pub fn propose(&self, admin: &Address) {
        self.instance.set(&Key::Proposed, admin);
    }

    pub fn clear_proposal(&self) {
        self.instance.remove(&Key::Proposed);
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
    /// rent of it for everybody, some hundred times that of its own entry.
    pub fn extend_ttl(&self) {
        let this = self.env.current_contract_address();
        self.env.deployer().extend_ttl_for_contract_instance(this, TTL_THRESHOLD, TTL_EXTEND_TO);
    }
}
