use std::time::{Duration, SystemTime};

use keel_types::activity::OpenedOrder;
use keel_types::decision::{ApprovalRule, DecideRequest, Verdict};
use keel_types::order::{Order, OrderLine};
use keel_types::state::OrderStatus;

use super::{Desk, MAX_IGNORED_KEPT};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn opened(rule: ApprovalRule) -> OpenedOrder {
    OpenedOrder {
        order: Order {
            order_id: "O-1".to_owned(),
            customer_id: "C-1".to_owned(),
            currency: "EUR".to_owned(),
            lines: vec![OrderLine { sku: "S".to_owned(), quantity: 2, unit_price_minor: 50 }],
            requested_by: Some("clerk@x".to_owned()),
        },
        rule,
        outcome: None,
        decision: None,
        started_steps: Vec::new(),
    }
}

fn open_desk() -> Desk {
    let mut desk = Desk::default();
    desk.name("O-1".to_owned());
    desk.open(&opened(ApprovalRule::default()), "later".to_owned());
    desk
}

fn request(decision: &str, by: &str, reason: Option<&str>) -> DecideRequest {
    DecideRequest { decision: decision.to_owned(), by: by.to_owned(), reason: reason.map(str::to_owned) }
}

#[test]
fn the_first_decision_wins_and_the_second_is_kept_as_ignored() {
    let mut desk = open_desk();
    desk.receive(Verdict::Approve, Ok("m@x".to_owned()), at(1));
    desk.receive(Verdict::Reject, Ok("too late".to_owned()), at(2));
    assert_eq!(desk.state().status, OrderStatus::Approved);
    assert_eq!(desk.state().approved_by.as_deref(), Some("m@x"));
    assert_eq!(desk.state().rejected_reason, None);
    let (ignored, total) = desk.ignored();
    assert_eq!(total, 1);
    assert_eq!(ignored[0].why, "the order is already approved by m@x");
}

#[test]
fn signals_before_the_order_is_read_are_judged_in_their_order() {
    let mut desk = Desk::default();
    desk.receive(Verdict::Approve, Ok("clerk@x".to_owned()), at(1));
    desk.receive(Verdict::Approve, Ok("m@x".to_owned()), at(2));
    assert_eq!(desk.decision(), None);
    desk.open(&opened(ApprovalRule::default()), "later".to_owned());
    assert_eq!(desk.state().approved_by.as_deref(), Some("m@x"));
    assert_eq!(desk.ignored().1, 1, "the clerk's own approval is ignored");
}

#[test]
fn an_update_is_refused_with_its_reason() {
    let desk = open_desk();
    let why = |r: DecideRequest| desk.objection(&r).unwrap_or_default();
    assert_eq!(why(request("maybe", "m@x", None)), "unknown decision `maybe`: use `approve` or `reject`");
    assert_eq!(why(request("approve", " ", None)), "`by` is empty: say who decides");
    assert_eq!(why(request("reject", "m@x", None)), "`reason` is missing: say why the order is rejected");
    assert_eq!(why(request("approve", "clerk@x", None)), "clerk@x placed the order and may not approve it");
    assert_eq!(why(request("approve", "m@x", None)), "");
}

#[test]
fn an_update_after_a_decision_changes_nothing() {
    let mut desk = open_desk();
    desk.decide(&request("reject", "m@x", Some("price")), at(1)).unwrap();
    let error = desk.decide(&request("approve", "n@x", None), at(2)).unwrap_err();
    assert_eq!(error, "the order is already rejected by m@x");
    assert_eq!(desk.state().rejected_reason.as_deref(), Some("price"));
    assert_eq!(desk.ignored().1, 0, "a refused update leaves no trace");
}

#[test]
fn a_flood_of_ignored_signals_stays_small() {
    let mut desk = open_desk();
    for second in 0..1_000 {
        desk.receive(Verdict::Approve, Err("expected a string, found a number".to_owned()), at(second));
    }
    let (kept, total) = desk.ignored();
    assert_eq!((kept.len(), total), (MAX_IGNORED_KEPT, 1_000));
    assert_eq!(desk.state().status, OrderStatus::Pending);
}
