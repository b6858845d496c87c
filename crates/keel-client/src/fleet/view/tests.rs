//! Whether the fleet can take new runs, and what is left of a sum.

use super::{BuildView, FleetStatus, Load, Ramp, VersionStatus, WorkerView};
use crate::queue::TaskKind::{self, Activity, Workflow};

fn build(id: &str, status: VersionStatus, kinds: &[TaskKind]) -> BuildView {
    BuildView {
        build_id: id.to_owned(),
        status,
        percent: 0.0,
        open_runs: 0,
        created_at: None,
        current_since: None,
        ramping_since: None,
        drainage: None,
        workers: vec![WorkerView { identity: "w".to_owned(), kinds: kinds.to_vec(), seen_seconds_ago: 1 }],
        queues: Vec::new(),
    }
}

fn fleet(current: &str, ramp: Option<(&str, f32)>, builds: Vec<BuildView>) -> FleetStatus {
    FleetStatus {
        namespace: "n".to_owned(),
        task_queue: "q".to_owned(),
        deployment: "d".to_owned(),
        exists: true,
        current: current.to_owned(),
        ramping: ramp.map(|(build, percent)| Ramp { build_id: build.to_owned(), percent }),
        routing_settled: true,
        builds,
        total: Vec::new(),
    }
}

#[test]
fn new_runs_need_somebody_at_the_build_they_go_to() {
    let a = build("a", VersionStatus::Current, &[Workflow, Activity]);
    let half = build("b", VersionStatus::Ramping, &[Workflow]);
    assert_eq!(fleet("a", None, vec![a.clone(), half.clone()]).problem(), None);
    let problem = fleet("a", Some(("b", 5.0)), vec![a.clone(), half.clone()]).problem().unwrap();
    assert_eq!(
        problem,
        "no worker of build b polls q for activity tasks, and deployment d sends new runs there"
    );
    assert_eq!(fleet("a", Some(("b", 0.0)), vec![a.clone(), half]).problem(), None, "nothing goes there");
    let b = build("b", VersionStatus::Ramping, &[Workflow, Activity]);
    assert_eq!(fleet("gone", Some(("b", 100.0)), vec![b]).problem(), None, "all goes there");
    let problem = fleet("unversioned", None, vec![a]).problem().unwrap();
    assert!(problem.starts_with("no worker without a build id polls q for workflow tasks"), "{problem}");
}

#[test]
fn what_is_left_of_a_sum_is_never_noise() {
    let load = |backlog: i64, rate: f64| Load {
        queue: "q".to_owned(),
        kind: Workflow,
        pollers: 0,
        backlog,
        backlog_age_seconds: 9.0,
        add_rate: rate,
        dispatch_rate: rate,
    };
    let parts = [load(3, 1.0), load(1, 0.98)];
    let none = load(4, 2.0).without(parts.iter());
    assert_eq!(
        (none.backlog, none.backlog_age_seconds.to_string(), none.add_rate.to_string()),
        (0, "0".to_owned(), "0".to_owned())
    );
    let some = load(6, 3.0).without(parts.iter());
    assert!(some.backlog == 2 && some.backlog_age_seconds > 8.0 && some.add_rate > 1.0);
}
