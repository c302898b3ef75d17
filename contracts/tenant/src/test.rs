extern crate std;

use crate::{Anchor, Error, Status, Tenant, TenantClient};
use soroban_sdk::{
    testutils::{
        storage::Instance as _, Address as _, Deployer as _, EnvTestConfig, Events as _, Ledger as _, MockAuth,
        MockAuthInvoke,
    },
    Address, BytesN, Env, IntoVal, Val, Vec,
};

struct Bench<'a> {
    env: Env,
    admin: Address,
    commitment: BytesN<32>,
    contract: Address,
    tenant: TenantClient<'a>,
}

fn bench<'a>() -> Bench<'a> {
    // The tests say what they expect: no files beside them.
    let env = Env::new_with_config(EnvTestConfig { capture_snapshot_at_drop: false, ..Default::default() });
    let admin = Address::generate(&env);
    let commitment = BytesN::from_array(&env, &[7; 32]);
    let contract = env.register(Tenant, (admin.clone(), commitment.clone()));
    let tenant = TenantClient::new(&env, &contract);
    Bench { env, admin, commitment, contract, tenant }
}

impl Bench<'_> {
    /// Lets `who` authorise exactly this call and nothing else.
    fn authorise(&self, who: &Address, function: &str, args: Vec<Val>) {
        let invoke = MockAuthInvoke { contract: &self.contract, fn_name: function, args, sub_invokes: &[] };
        self.env.mock_auths(&[MockAuth { address: who, invoke: &invoke }]);
    }

    fn root(&self, n: u8) -> BytesN<32> {
        BytesN::from_array(&self.env, &[n; 32])
    }

    fn ttl(&self) -> u32 {
        self.env.as_contract(&self.contract, || self.env.storage().instance().get_ttl())
    }

    fn code_ttl(&self) -> u32 {
        self.env.deployer().get_contract_code_ttl(&self.contract)
    }
}

#[test]
fn constructor_starts_active() {
    let b = bench();
    assert_eq!(b.tenant.status(), Status::Active);
    assert_eq!(b.tenant.admin(), b.admin);
    assert_eq!(b.tenant.commitment(), b.commitment);
    assert_eq!(b.tenant.last_anchor(), None);
}

#[test]
fn admin_sets_the_status() {
    let b = bench();
    for status in [Status::Suspended, Status::Active, Status::Terminated] {
        b.authorise(&b.admin, "set_status", (status,).into_val(&b.env));
        b.tenant.set_status(&status);
        assert_eq!(b.env.events().all().events().len(), 1);
        assert_eq!(b.tenant.status(), status);
    }
}

#[test]
fn the_same_status_again_changes_and_publishes_nothing() {
    let b = bench();
    b.env.mock_all_auths();
    for status in [Status::Active, Status::Suspended, Status::Terminated] {
        b.tenant.set_status(&status);
        b.tenant.set_status(&status);
        assert_eq!(b.env.events().all().events().len(), 0);
        assert_eq!(b.tenant.status(), status);
    }
}

#[test]
fn terminated_is_final() {
    let b = bench();
    b.env.mock_all_auths();
    b.tenant.set_status(&Status::Terminated);
    for status in [Status::Active, Status::Suspended] {
        assert_eq!(b.tenant.try_set_status(&status), Err(Ok(Error::Terminated)));
    }
    assert_eq!(b.tenant.try_upgrade(&b.root(1)), Err(Ok(Error::Terminated)));
    assert_eq!(b.tenant.status(), Status::Terminated);
}

#[test]
fn nobody_else_may_change_anything() {
    let b = bench();
    let other = Address::generate(&b.env);
    b.authorise(&other, "set_status", (Status::Suspended,).into_val(&b.env));
    assert!(b.tenant.try_set_status(&Status::Suspended).is_err());
    b.authorise(&other, "anchor", (b.root(1), 1u64, 2u64).into_val(&b.env));
    assert!(b.tenant.try_anchor(&b.root(1), &1, &2).is_err());
    b.authorise(&other, "propose_admin", (other.clone(),).into_val(&b.env));
    assert!(b.tenant.try_propose_admin(&other).is_err());
    b.authorise(&other, "upgrade", (b.root(1),).into_val(&b.env));
    assert!(b.tenant.try_upgrade(&b.root(1)).is_err());
    assert_eq!(b.tenant.status(), Status::Active);
    assert_eq!(b.tenant.last_anchor(), None);
}

#[test]
fn anchors_follow_each_other_without_a_gap() {
    let b = bench();
    b.env.mock_all_auths();
    for (from, to) in [(0, 5), (2, 5), (1, 0)] {
        assert_eq!(b.tenant.try_anchor(&b.root(1), &from, &to), Err(Ok(Error::NotMonotonic)));
    }
    b.tenant.anchor(&b.root(1), &1, &10);
    assert_eq!(b.env.events().all().events().len(), 1);
    for (from, to) in [(1, 10), (10, 20), (12, 20), (11, 10)] {
        assert_eq!(b.tenant.try_anchor(&b.root(2), &from, &to), Err(Ok(Error::NotMonotonic)));
    }
    b.tenant.anchor(&b.root(3), &11, &u64::MAX);
    let last = Anchor { root: b.root(3), from: 11, to: u64::MAX };
    assert_eq!(b.tenant.last_anchor(), Some(last));
    assert_eq!(b.tenant.try_anchor(&b.root(4), &0, &1), Err(Ok(Error::NotMonotonic)));
}

#[test]
fn a_terminated_tenants_last_records_can_be_anchored() {
    let b = bench();
    b.env.mock_all_auths();
    b.tenant.set_status(&Status::Terminated);
    b.tenant.anchor(&b.root(1), &1, &3);
    assert_eq!(b.tenant.last_anchor().unwrap().to, 3);
}

#[test]
fn admin_is_handed_over_in_two_steps() {
    let b = bench();
    let next = Address::generate(&b.env);
    assert_eq!(b.tenant.try_accept_admin(), Err(Ok(Error::NoProposal)));

    b.authorise(&b.admin, "propose_admin", (next.clone(),).into_val(&b.env));
    b.tenant.propose_admin(&next);
    assert_eq!(b.tenant.admin(), b.admin, "a proposal alone changes nothing");
    b.authorise(&b.admin, "accept_admin", ().into_val(&b.env));
    assert!(b.tenant.try_accept_admin().is_err(), "only the proposed one accepts");

    b.authorise(&next, "accept_admin", ().into_val(&b.env));
    b.tenant.accept_admin();
    assert_eq!(b.tenant.admin(), next);
    assert_eq!(b.tenant.try_accept_admin(), Err(Ok(Error::NoProposal)));
    b.authorise(&b.admin, "set_status", (Status::Suspended,).into_val(&b.env));
    assert!(b.tenant.try_set_status(&Status::Suspended).is_err(), "the old one has no say");
}

#[test]
fn a_change_renews_what_would_be_archived_soon() {
    let b = bench();
    b.env.mock_all_auths();
    let month = 30 * 17_280;
    b.env.ledger().with_mut(|l| l.max_entry_ttl = 12 * month);
    assert!(b.ttl() < month);
    b.tenant.set_status(&Status::Suspended);
    assert_eq!(b.ttl(), 3 * month);

    b.env.ledger().with_mut(|l| l.sequence_number += month);
    b.tenant.anchor(&b.root(1), &1, &2);
    assert_eq!(b.ttl(), 2 * month, "two months left are enough");
    b.env.ledger().with_mut(|l| l.sequence_number += month + 1);
    b.tenant.anchor(&b.root(1), &3, &4);
    assert_eq!(b.ttl(), 3 * month);
}

#[test]
fn a_change_does_not_renew_the_code_that_all_tenants_share() {
    let b = bench();
    b.env.mock_all_auths();
    let before = b.code_ttl();
    b.tenant.set_status(&Status::Suspended);
    b.tenant.anchor(&b.root(1), &1, &2);
    assert!(b.ttl() > before);
    assert_eq!(b.code_ttl(), before);
}

#[test]
fn ending_a_tenant_does_not_renew_it() {
    let b = bench();
    b.env.mock_all_auths();
    let before = b.ttl();
    b.tenant.set_status(&Status::Terminated);
    assert_eq!(b.ttl(), before);
}
