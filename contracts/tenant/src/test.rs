extern crate std;

use crate::events::{AdminChanged, AdminProposed, AdminWithdrawn, Created, StatusChanged};
use crate::{Anchor, Error, Proposal, Status, Tenant, TenantClient, PROPOSAL_LIFE, VERSION};
use soroban_sdk::{
    testutils::{
        storage::Instance as _, Address as _, Deployer as _, EnvTestConfig, Events as _, Ledger as _, MockAuth,
        MockAuthInvoke,
    },
    Address, BytesN, Env, Event, IntoVal, Val, Vec,
};

struct Bench<'a> {
    env: Env,
    admin: Address,
    commitment: BytesN<32>,
    contract: Address,
    tenant: TenantClient<'a>,
}

const DAY: u32 = 17_280;

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

    fn pass(&self, seconds: u64) {
        self.env.ledger().with_mut(|l| l.timestamp += seconds);
    }

    /// The events of the last call, which must be these.
    fn published<E: Event>(&self, events: &[E]) {
        let expected: std::vec::Vec<_> = events.iter().map(|e| e.to_xdr(&self.env, &self.contract)).collect();
        assert_eq!(self.env.events().all().events(), expected);
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
    b.published(&[Created { commitment: b.commitment.clone(), admin: b.admin.clone() }]);
    assert_eq!(b.tenant.status(), Status::Active);
    assert_eq!(b.tenant.admin(), b.admin);
    assert_eq!(b.tenant.commitment(), b.commitment);
    assert_eq!(b.tenant.last_anchor(), None);
    assert_eq!(b.tenant.proposed_admin(), None);
}

#[test]
fn version_is_that_of_the_crate() {
    assert_eq!(bench().tenant.version(), VERSION);
    assert_eq!(std::format!("{VERSION}.0.0"), env!("CARGO_PKG_VERSION"));
}

#[test]
fn admin_sets_the_status() {
    let b = bench();
    let mut previous = Status::Active;
    for status in [Status::Suspended, Status::Active, Status::Terminated] {
        b.authorise(&b.admin, "set_status", (status,).into_val(&b.env));
        b.tenant.set_status(&status);
        b.published(&[StatusChanged { commitment: b.commitment.clone(), previous, status }]);
        assert_eq!(b.tenant.status(), status);
        previous = status;
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
    b.authorise(&other, "withdraw_admin", ().into_val(&b.env));
    assert!(b.tenant.try_withdraw_admin().is_err());
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
fn a_proposal_can_be_read_until_it_expires() {
    let b = bench();
    b.env.mock_all_auths();
    let next = Address::generate(&b.env);
    b.pass(1_000);
    b.tenant.propose_admin(&next);
    let until = 1_000 + PROPOSAL_LIFE;
    b.published(&[AdminProposed { commitment: b.commitment.clone(), admin: next.clone(), until }]);
    let proposal = Some(Proposal { admin: next, until });
    assert_eq!(b.tenant.proposed_admin(), proposal);

    b.pass(PROPOSAL_LIFE - 1);
    assert_eq!(b.tenant.proposed_admin(), proposal, "the last second");
    b.pass(1);
    assert_eq!(b.tenant.proposed_admin(), None);
    assert_eq!(b.tenant.try_accept_admin(), Err(Ok(Error::NoProposal)));
    assert_eq!(b.tenant.admin(), b.admin);
}

#[test]
fn a_new_proposal_replaces_the_last_one() {
    let b = bench();
    b.env.mock_all_auths();
    let (first, second) = (Address::generate(&b.env), Address::generate(&b.env));
    b.tenant.propose_admin(&first);
    b.pass(PROPOSAL_LIFE - 1);
    b.tenant.propose_admin(&second);
    b.pass(PROPOSAL_LIFE - 1);
    b.tenant.accept_admin();
    b.published(&[AdminChanged { commitment: b.commitment.clone(), admin: second.clone() }]);
    assert_eq!(b.tenant.admin(), second);
    assert_eq!(b.tenant.proposed_admin(), None);
}

#[test]
fn a_proposal_can_be_withdrawn() {
    let b = bench();
    b.env.mock_all_auths();
    let next = Address::generate(&b.env);
    b.tenant.propose_admin(&next);
    b.tenant.withdraw_admin();
    b.published(&[AdminWithdrawn { commitment: b.commitment.clone(), admin: next }]);
    assert_eq!(b.tenant.proposed_admin(), None);
    assert_eq!(b.tenant.try_accept_admin(), Err(Ok(Error::NoProposal)));
    b.tenant.withdraw_admin();
    assert_eq!(b.env.events().all().events().len(), 0, "there is none any more");
}

#[test]
fn a_proposal_ends_with_the_contract() {
    let b = bench();
    b.env.mock_all_auths();
    b.tenant.propose_admin(&Address::generate(&b.env));
    b.tenant.set_status(&Status::Terminated);
    assert_eq!(b.tenant.proposed_admin(), None);
    assert_eq!(b.tenant.try_accept_admin(), Err(Ok(Error::NoProposal)));
    assert_eq!(b.tenant.try_propose_admin(&Address::generate(&b.env)), Err(Ok(Error::Terminated)));
    assert_eq!(b.tenant.admin(), b.admin);
}

#[test]
fn a_new_contract_lives_as_long_as_on_the_public_network() {
    let b = bench();
    assert_eq!(b.ttl(), 120 * DAY);
}

#[test]
fn a_change_renews_what_would_be_archived_soon() {
    let b = bench();
    b.env.mock_all_auths();
    let later = |days: u32| b.env.ledger().with_mut(|l| l.sequence_number += days * DAY);
    later(89);
    b.tenant.set_status(&Status::Suspended);
    assert_eq!(b.ttl(), 31 * DAY, "more than a month left is enough");
    later(1);
    b.tenant.set_status(&Status::Active);
    assert_eq!(b.ttl(), 120 * DAY);
    later(91);
    b.tenant.anchor(&b.root(1), &1, &2);
    assert_eq!(b.ttl(), 120 * DAY);
}

#[test]
fn a_change_does_not_renew_the_code_that_all_tenants_share() {
    let b = bench();
    b.env.mock_all_auths();
    let before = b.code_ttl();
    assert!(b.ttl() > before, "nor does the constructor");
    b.env.ledger().with_mut(|l| l.sequence_number += before - 1);
    b.tenant.set_status(&Status::Suspended);
    b.tenant.anchor(&b.root(1), &1, &2);
    assert_eq!(b.code_ttl(), 1);
}

#[test]
fn a_terminated_contract_is_not_renewed() {
    let b = bench();
    b.env.mock_all_auths();
    b.env.ledger().with_mut(|l| l.sequence_number += 91 * DAY);
    b.tenant.set_status(&Status::Terminated);
    b.tenant.anchor(&b.root(1), &1, &2);
    assert_eq!(b.ttl(), 29 * DAY);
}
