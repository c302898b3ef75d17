//! What is published with each change. The first topic is the event's name, the
//! second the tenant's commitment.

use crate::Status;
use soroban_sdk::{contractevent, Address, BytesN};

#[contractevent]
pub struct Created {
    #[topic]
    pub commitment: BytesN<32>,
    pub admin: Address,
}

#[contractevent]
pub struct StatusChanged {
    #[topic]
    pub commitment: BytesN<32>,
    pub previous: Status,
    pub status: Status,
}

#[contractevent]
pub struct Anchored {
    #[topic]
    pub commitment: BytesN<32>,
    pub root: BytesN<32>,
    pub from: u64,
    pub to: u64,
}

#[contractevent]
pub struct AdminProposed {
    #[topic]
    pub commitment: BytesN<32>,
    pub admin: Address,
    pub until: u64,
}

#[contractevent]
pub struct AdminWithdrawn {
    #[topic]
    pub commitment: BytesN<32>,
    pub admin: Address,
}

#[contractevent]
pub struct AdminChanged {
    #[topic]
    pub commitment: BytesN<32>,
    pub admin: Address,
}

#[contractevent]
pub struct Upgraded {
    #[topic]
    pub commitment: BytesN<32>,
    pub wasm_hash: BytesN<32>,
}
