//! Where the figures come from: one call of the front, which asks the server and every worker for it and keeps the answer
//! for a second; and the slots from Prometheus, where it answers.

use serde::Deserialize;

use super::look::{Fleet, Load, Look, Slots};
use crate::stack::http;

/// How workers without a build id are called.
const UNVERSIONED: &str = "unversioned";
/// Figures that are older than this many seconds are none.
const STALE_S: u64 = 5;

/// As far as it is read.
#[derive(Deserialize)]
struct Health {
    details: Details,
}

#[derive(Deserialize)]
struct Details {
    fleet: FleetReport,
    #[serde(default)]
    workers: Vec<Worker>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FleetReport {
    server_reachable: bool,
    #[serde(default)]
    age_seconds: u64,
    #[serde(default)]
    current: String,
    ramping: Option<Ramp>,
    #[serde(default)]
    builds: Vec<Build>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ramp {
    build_id: String,
    percent: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Build {
    build_id: String,
    queues: Vec<Queue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Queue {
    kind: String,
    backlog: f64,
    backlog_age_seconds: f64,
    add_rate: f64,
    dispatch_rate: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Worker {
    ready: bool,
    #[serde(default)]
    build_id: String,
}

/// Asks the front at `url`; the build of the service that is scaled must be the one that gets new runs.
pub fn look(url: &str, deployed: &str, replicas: usize) -> Look {
    // It answers 503 with the same report when something is not well, such as when no worker polls.
    match http::get_whatever_status(url) {
        Ok(text) => read(&text, deployed, replicas),
        Err(error) => Look::Unknown(format!("{error:#}")),
    }
}

/// Makes a look of the front's report.
fn read(text: &str, deployed: &str, replicas: usize) -> Look {
    let fleet: Health = match serde_json::from_str(text) {
        Ok(report) => report,
        Err(error) => return Look::Unknown(format!("the front's report cannot be read: {error}")),
    };
    let Details { fleet, workers } = fleet.details;
    if !fleet.server_reachable || fleet.age_seconds > STALE_S {
        return Look::Unknown("the front does not reach the Temporal server".to_owned());
    }
    let ours = if deployed.is_empty() { UNVERSIONED } else { deployed };
    if let Some(ramp) = fleet.ramping.filter(|ramp| ramp.percent > 0.0) {
        return Look::Paused(format!(
            "build {} is being tried with {} % of new runs",
            ramp.build_id, ramp.percent
        ));
    }
    if fleet.current != ours {
        return Look::Paused(format!(
            "new runs go to build {}, and temporal-worker is build {ours}: `cargo xtask deploy`, or `keel fleet current {ours}`",
            fleet.current
        ));
    }
    let named = |id: &str| fleet.builds.iter().any(|build| build.build_id == id);
    let is_ours = |worker: &&Worker| {
        if deployed.is_empty() { !named(&worker.build_id) } else { worker.build_id == deployed }
    };
    // Workers of builds that drain have queues of their own, and keep what they have.
    let loads = fleet.builds.iter().filter(|build| build.build_id == ours).flat_map(|build| &build.queues);
    Look::Fleet(Fleet {
        replicas,
        ready: workers.iter().filter(is_ours).filter(|worker| worker.ready).count(),
        loads: loads.map(Load::from).collect(),
        slots: Vec::new(),
    })
}

impl From<&Queue> for Load {
    fn from(queue: &Queue) -> Self {
        Self {
            kind: queue.kind.clone(),
            backlog: queue.backlog,
            age: queue.backlog_age_seconds,
            add_rate: queue.add_rate,
            dispatch_rate: queue.dispatch_rate,
        }
    }
}

/// The slots of a build by kind, as Prometheus saw them within the last minute; empty when it does not say.
pub fn slots(url: &str, build: &str) -> Vec<Slots> {
    let of = |series: &str| {
        format!(
            "sum by (worker_type) ({series}{{job=\"keel-worker\"}} * on (instance) group_left () \
             max by (instance) (keel_build_info{{job=\"keel-worker\",build_id=\"{build}\"}}))"
        )
    };
    let (used, free) = (of("temporal_worker_task_slots_used"), of("temporal_worker_task_slots_available"));
    // Without a value of one of them there is none of the other.
    let most = format!("max_over_time(({used})[1m:5s])");
    let total = format!("({used}) + ({free})");
    let (Ok(most), Ok(total)) = (http::query(url, &most), http::query(url, &total)) else {
        return Vec::new();
    };
    most.into_iter()
        .filter_map(|(labels, used)| {
            let (_, total) = total.iter().find(|(other, _)| *other == labels)?;
            (*total > 0.0).then_some(Slots { used, total: *total })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::read;
    use crate::autoscale::look::Look;

    fn queue(backlog: u64, age: f64) -> Value {
        json!({"kind": "activity", "queue": "q", "backlog": backlog, "backlogAgeSeconds": age, "addRate": 3.0,
               "dispatchRate": 2.0, "pollers": 9})
    }

    fn report() -> Value {
        json!({"ready": true, "details": {
            "fleet": {"serverReachable": true, "ageSeconds": 0, "current": "b2", "ramping": null, "builds": [
                {"buildId": "b2", "status": "current", "queues": [queue(4, 1.5)]},
                {"buildId": "b1", "status": "draining", "queues": [queue(900, 300.0)]},
            ]},
            "workers": [{"buildId": "b2", "ready": true}, {"buildId": "b2", "ready": false}, {"buildId": "b1", "ready": true}],
        }})
    }

    fn paused(report: &Value, deployed: &str) -> String {
        match read(&report.to_string(), deployed, 2) {
            Look::Paused(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_current_build_counts_and_one_that_drains_is_left_alone() {
        let Look::Fleet(fleet) = read(&report().to_string(), "b2", 2) else { panic!("it is well") };
        assert_eq!((fleet.replicas, fleet.ready, fleet.loads.len()), (2, 1, 1));
        assert_eq!((fleet.backlog(), fleet.age()), (4.0, 1.5), "not what waits for the build that drains");
        assert_eq!((fleet.loads[0].add_rate, fleet.loads[0].dispatch_rate), (3.0, 2.0));
    }

    #[test]
    fn workers_without_a_build_are_those_of_no_named_one() {
        let mut report = report();
        report["details"]["fleet"]["current"] = json!("unversioned");
        report["details"]["fleet"]["builds"][0]["buildId"] = json!("unversioned");
        report["details"]["workers"] =
            json!([{"ready": true}, {"buildId": "0.1.0", "ready": true}, {"buildId": "b1", "ready": true}]);
        let Look::Fleet(fleet) = read(&report.to_string(), "", 2) else { panic!("it is well") };
        assert_eq!((fleet.ready, fleet.backlog()), (2, 4.0));
    }

    #[test]
    fn a_rollout_pauses() {
        let mut ramped = report();
        ramped["details"]["fleet"]["ramping"] = json!({"buildId": "b3", "percent": 10.0});
        assert!(paused(&ramped, "b2").contains("b3 is being tried with 10 %"));
        assert!(paused(&report(), "b1").contains("new runs go to build b2, and temporal-worker is build b1"));
    }

    #[test]
    fn old_figures_are_none() {
        for (key, value) in [("serverReachable", json!(false)), ("ageSeconds", json!(60))] {
            let mut report = report();
            report["details"]["fleet"][key] = value;
            assert!(matches!(read(&report.to_string(), "b2", 2), Look::Unknown(_)), "{key}");
        }
        assert!(matches!(
            read(r#"{"details": {"fleet": {"serverReachable": false}}}"#, "b2", 2),
            Look::Unknown(_)
        ));
        assert!(matches!(read("<html>", "b2", 2), Look::Unknown(_)));
    }
}
