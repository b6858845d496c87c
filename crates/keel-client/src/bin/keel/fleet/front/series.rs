//! The fleet as Prometheus reads it. Written here and not recorded, so that a build that is forgotten leaves no series.

use keel_types::names::fleet as name;

use super::Found;

/// One series: its name, what it is, and its values with their labels.
struct Gauge {
    name: &'static str,
    help: &'static str,
    values: Vec<(Vec<(&'static str, String)>, f64)>,
}

pub(super) fn text(found: &Found) -> String {
    let mut text = String::new();
    for gauge in gauges(found) {
        text.push_str(&format!("# HELP {0} {1}\n# TYPE {0} gauge\n", gauge.name, gauge.help));
        for (labels, value) in gauge.values {
            let labels: Vec<String> =
                labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escape(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            text.push_str(&format!("{}{labels} {value}\n", gauge.name));
        }
    }
    text
}

fn gauges(found: &Found) -> Vec<Gauge> {
    let gauge = |name, help, values| Gauge { name, help, values };
    let up = vec![(Vec::new(), f64::from(u8::from(found.reachable)))];
    let mut gauges = vec![gauge(name::SERVER_UP, "1 while the front reaches the server", up)];
    // Old figures look like good ones: without the server there are none.
    let status = found.status.as_ref().map(|(status, _)| status).filter(|_| found.reachable);
    let (mut current, mut ramp, mut versions, mut runs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut loads = [const { Vec::new() }; 5];
    if let Some(status) = status {
        let deployment =
            |build: &str| vec![("deployment", status.deployment.clone()), ("build_id", build.to_owned())];
        current.push((deployment(&status.current), 1.0));
        ramp.extend(status.ramping.iter().map(|ramp| (deployment(&ramp.build_id), f64::from(ramp.percent))));
        for build in &status.builds {
            let labels =
                vec![("build_id", build.build_id.clone()), ("status", build.status.word().to_owned())];
            versions.push((labels, 1.0));
            runs.push((vec![("build_id", build.build_id.clone())], build.open_runs as f64));
            for load in &build.queues {
                let labels = vec![
                    ("build_id", build.build_id.clone()),
                    ("queue", load.queue.clone()),
                    ("kind", load.kind.word().to_owned()),
                ];
                let values = [
                    load.pollers as f64,
                    load.backlog as f64,
                    load.backlog_age_seconds,
                    load.add_rate,
                    load.dispatch_rate,
                ];
                for (series, value) in loads.iter_mut().zip(values) {
                    series.push((labels.clone(), value));
                }
            }
        }
    }
    let [pollers, backlog, age, add, dispatch] = loads;
    let ready = found.workers.iter().map(|worker| {
        let build = worker.build_id.clone().unwrap_or_default();
        (vec![("build_id", build), ("instance", worker.instance.clone())], f64::from(u8::from(worker.ready)))
    });
    gauges.extend([
        gauge(name::CURRENT_INFO, "The build that new runs go to; always 1", current),
        gauge(name::RAMP_PERCENT, "Share of new runs that goes to a build that is being tried", ramp),
        gauge(name::VERSION_INFO, "Where a build stands; always 1", versions),
        gauge(name::OPEN_RUNS, "Runs of a build that have not ended", runs),
        gauge(name::POLLERS, "Workers that poll", pollers),
        gauge(name::BACKLOG, "Tasks that wait, about", backlog),
        gauge(name::BACKLOG_AGE_SECONDS, "How long the oldest waiting task has waited", age),
        gauge(name::ADD_RATE, "Tasks added a second", add),
        gauge(name::DISPATCH_RATE, "Tasks handed out a second", dispatch),
        gauge(name::WORKER_READY, "1 while a worker says it is ready", ready.collect()),
    ]);
    gauges
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::{Found, text};

    #[test]
    fn without_a_server_there_are_no_figures_but_that() {
        let text = text(&Found::default());
        assert!(text.contains("\nkeel_fleet_server_up 0\n"), "{text}");
        assert!(!text.contains("keel_fleet_backlog{"), "{text}");
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(super::escape("a\"b\\c\n"), "a\\\"b\\\\c\\n");
    }

    #[test]
    fn the_reference_has_every_name() {
        let page = include_str!("../../../../../../../docs/metrics.md");
        let names = include_str!("../../../../../../keel-types/src/names/fleet.rs");
        let shown = text(&Found::default());
        let names: Vec<&str> = names.split('"').filter(|text| text.starts_with("keel_fleet_")).collect();
        assert_eq!(names.len(), 11);
        for name in names {
            assert!(page.contains(&format!("| `{name}` |")), "docs/metrics.md does not explain {name}");
            assert!(shown.contains(&format!("# TYPE {name} gauge\n")), "{name} is not written");
        }
    }
}
