//! The judge must notice each kind of damage; otherwise a clean verdict says nothing.

use std::collections::BTreeMap;

use super::{Ending, Evidence, Planned, Store, Verdict, orders};
use crate::stack::Effects;

fn planned() -> Vec<Planned> {
    let order = |id: &str, ending| Planned { id: id.to_owned(), ending, lines: vec![("MUG".to_owned(), 2)] };
    vec![order("A", Ending::Completed), order("D", Ending::Declined), order("N", Ending::Refused)]
}

fn evidence() -> Evidence {
    let export = r#"{"orderId":"A","status":"completed","steps":{"reserveInventory":"done"},"events":[]}
{"orderId":"D","status":"failed","steps":{"reserveInventory":"undone"},"failure":{"type":"PAYMENT_DECLINED","message":"m"}}
{"orderId":"N","status":"failed","steps":{"reserveInventory":"undone"},"failure":{"type":"SHIPMENT_REFUSED","message":"m"}}
{"inventory":[{"sku":"MUG","onHand":98,"reserved":0,"shipped":2}]}
"#;
    let effects = |captured, refunded, booked| Effects { captured, refunded, booked, cancelled: 0 };
    Evidence {
        workflows: [("order-A", "COMPLETED"), ("order-D", "FAILED"), ("order-N", "FAILED")]
            .into_iter()
            .map(|(id, status)| (id.to_owned(), status.to_owned()))
            .collect(),
        effects: BTreeMap::from([
            ("A".to_owned(), effects(1, 0, 1)),
            ("D".to_owned(), effects(0, 0, 0)),
            ("N".to_owned(), effects(1, 1, 0)),
        ]),
        store: Store::parse(export).unwrap(),
    }
}

fn check(damage: impl FnOnce(&mut Evidence)) -> (usize, usize, usize, usize) {
    let mut evidence = evidence();
    damage(&mut evidence);
    let verdict = orders(&planned(), &evidence);
    (verdict.lost, verdict.double_charged, verdict.double_shipped, verdict.uncompensated)
}

fn effects<'a>(evidence: &'a mut Evidence, id: &str) -> &'a mut Effects {
    evidence.effects.get_mut(id).unwrap()
}

#[test]
fn a_clean_run_is_clean() {
    assert_eq!(orders(&planned(), &evidence()), Verdict::default());
}

#[test]
fn lost_orders_are_counted() {
    let status = |status: &str| {
        let status = status.to_owned();
        move |evidence: &mut Evidence| evidence.store.orders.get_mut("A").unwrap().status = status
    };
    assert_eq!(check(status("approved")), (1, 0, 0, 1));
    assert_eq!(check(|it| drop(it.workflows.insert("order-A".to_owned(), "TERMINATED".to_owned()))).0, 1);
    assert_eq!(check(|it| drop(it.workflows.remove("order-N"))).0, 1);
    assert_eq!(check(|it| it.store.orders.get_mut("D").unwrap().failure = None).0, 1);
    assert_eq!(check(|it| effects(it, "A").captured = 0).0, 1);
    assert_eq!(check(|it| it.store.inventory.get_mut("MUG").unwrap().shipped = 0).0, 1);
}

#[test]
fn double_effects_are_counted() {
    assert_eq!(check(|it| effects(it, "A").captured = 2), (0, 1, 0, 0));
    assert_eq!(check(|it| effects(it, "A").booked = 2), (0, 0, 1, 0));
    assert_eq!(check(|it| it.store.inventory.get_mut("MUG").unwrap().shipped = 4), (0, 0, 1, 0));
}

#[test]
fn what_is_left_behind_is_counted() {
    assert_eq!(check(|it| effects(it, "N").refunded = 0), (0, 0, 0, 1));
    assert_eq!(check(|it| effects(it, "D").booked = 1), (0, 0, 0, 1));
    assert_eq!(check(|it| it.store.inventory.get_mut("MUG").unwrap().reserved = 2), (0, 0, 0, 1));
    let held = |it: &mut Evidence| {
        it.store.orders.get_mut("D").unwrap().steps.insert("reserveInventory".to_owned(), "done".to_owned());
    };
    assert_eq!(check(held), (0, 0, 0, 1));
}
