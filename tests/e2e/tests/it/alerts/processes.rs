//! Alerts about the worker processes, and the silence of a healthy one.

use keel_e2e::eventually;

use super::{approved, watched};

#[test]
fn a_healthy_worker_alerts_nobody() {
    let (world, prometheus) = watched(&[]);
    let orders: Vec<_> = (0..5).map(|_| approved(&world, "CUST-1")).collect();
    for id in &orders {
        let _ = world.keel(&["order", "watch", id]).ok();
    }
    // Longer than five minutes of the rules, so that every one but those over hours could have fired.
    eventually("sixty looks at the worker", || {
        (prometheus.value("count_over_time(keel_worker_ready[1h])")? > 60.0).then_some(())
    });
    assert_eq!(prometheus.fired_within("25s"), Vec::<String>::new());
}

#[test]
fn a_worker_that_is_killed_is_down_and_absent_and_one_that_dies_often_is_noticed() {
    let (mut world, prometheus) = watched(&[]);
    world.kill_worker();
    let down = prometheus.fires("KeelWorkerDown", || {});
    assert_eq!(down["labels"]["severity"], "critical", "{down:#}");
    let _ = prometheus.fires("KeelWorkerAbsent", || {});

    let _ = prometheus.fires("KeelWorkerRestarting", || {
        world.kill_worker();
        world.start_worker();
    });
}
