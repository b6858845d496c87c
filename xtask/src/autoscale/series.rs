//! What the autoscaler says of itself: `/metrics` and `/livez`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;

use super::controller::{Decision, Direction};
use super::look::Fleet;

/// Who asks must have asked, and taken the answer, within this.
const PATIENCE: Duration = Duration::from_secs(2);
/// A longer request is none of a scraper's.
const REQUEST_BYTES: u64 = 8 << 10;

/// The figures, shared with whoever is asked for them.
#[derive(Clone, Debug, Default)]
pub struct Series(Arc<Mutex<Figures>>);

#[derive(Debug, Default)]
struct Figures {
    fleet: Option<Fleet>,
    wanted: Option<usize>,
    is_paused: bool,
    decisions: BTreeMap<Direction, u64>,
    errors: u64,
}

impl Series {
    /// Takes a decision into account, with the figures it was made on; none when there were none.
    pub fn decided(&self, decision: &Decision, fleet: Option<&Fleet>) {
        let mut figures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        figures.fleet = fleet.cloned();
        figures.wanted = decision.wanted;
        figures.is_paused = decision.direction == Direction::Pause;
        *figures.decisions.entry(decision.direction).or_default() += 1;
    }

    /// Counts something that went wrong.
    pub fn failed(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).errors += 1;
    }

    /// The page in the text format of Prometheus.
    pub fn page(&self) -> String {
        let figures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = String::new();
        let mut add = |name: &str, kind: &str, help: &str, samples: &[(String, String)]| {
            if samples.is_empty() {
                return;
            }
            page.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
            for (labels, value) in samples {
                page.push_str(&format!("{name}{labels} {value}\n"));
            }
        };
        let one = |value: Option<String>| -> Vec<_> {
            value.map(|value| (String::new(), value)).into_iter().collect()
        };
        let of = |figure: fn(&Fleet) -> String| one(figures.fleet.as_ref().map(figure));
        let wanted = one(figures.wanted.map(|wanted| wanted.to_string()));
        add("keel_autoscale_wanted_replicas", "gauge", "Workers that there shall be.", &wanted);
        add(
            "keel_autoscale_replicas",
            "gauge",
            "Workers whose container runs.",
            &of(|fleet| fleet.replicas.to_string()),
        );
        add(
            "keel_autoscale_ready_replicas",
            "gauge",
            "Workers that are ready.",
            &of(|fleet| fleet.ready.to_string()),
        );
        let age = of(|fleet| format!("{:.3}", fleet.age()));
        add("keel_autoscale_backlog_age_seconds", "gauge", "How long the oldest task has waited.", &age);
        let backlog = of(|fleet| fleet.backlog().to_string());
        add("keel_autoscale_backlog", "gauge", "Tasks that wait.", &backlog);
        let paused = one(Some(u8::from(figures.is_paused).to_string()));
        add("keel_autoscale_paused", "gauge", "1 while somebody else changes the workers.", &paused);
        let decisions: Vec<_> = Direction::ALL
            .iter()
            .map(|direction| {
                let count = figures.decisions.get(direction).copied().unwrap_or_default();
                (format!("{{direction=\"{}\"}}", direction.word()), count.to_string())
            })
            .collect();
        add("keel_autoscale_decisions_total", "counter", "Decisions by direction.", &decisions);
        let errors = one(Some(figures.errors.to_string()));
        add("keel_autoscale_errors_total", "counter", "Looks and changes that failed.", &errors);
        page
    }

    /// Answers on `address` until the process ends; returns where it listens.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub fn serve(&self, address: SocketAddr) -> anyhow::Result<SocketAddr> {
        let listener =
            TcpListener::bind(address).with_context(|| format!("--listen: cannot listen on {address}"))?;
        let bound = listener.local_addr()?;
        let series = self.clone();
        // One at a time, each within a bound: a scraper is all that comes here.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who hangs up early has no answer coming.
                drop(series.answer(&stream));
            }
        });
        Ok(bound)
    }

    fn answer(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut lines = BufReader::new(stream.take(REQUEST_BYTES)).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        for line in lines {
            if line?.is_empty() {
                break;
            }
        }
        let (status, body) = match first.split(' ').collect::<Vec<_>>().as_slice() {
            ["GET", "/metrics", _] => ("200 OK", self.page()),
            ["GET", "/livez", _] => ("200 OK", "ok\n".to_owned()),
            _ => ("404 Not Found", "there are /metrics and /livez\n".to_owned()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::Series;
    use crate::autoscale::controller::{Decision, Direction};
    use crate::autoscale::look::{Fleet, Load};
    use crate::stack::{Page, http};

    #[test]
    fn the_page_tells_what_was_decided_and_no_old_figures() {
        let series = Series::default();
        let load =
            Load { kind: "activity".to_owned(), backlog: 7.0, age: 2.5, add_rate: 1.0, dispatch_rate: 1.0 };
        let fleet = Fleet { replicas: 2, ready: 1, loads: vec![load], slots: Vec::new() };
        let out = Decision { direction: Direction::Out, wanted: Some(4), reason: String::new() };
        series.decided(&out, Some(&fleet));
        series.failed();
        let address = series.serve("127.0.0.1:0".parse().unwrap()).unwrap();
        let fetch = || Page(http::get(&format!("http://{address}/metrics")).unwrap());
        let page = fetch();
        let count = |name: &str| page.count(name, &[]).unwrap();
        assert_eq!(count("keel_autoscale_wanted_replicas"), 4);
        assert_eq!((count("keel_autoscale_replicas"), count("keel_autoscale_ready_replicas")), (2, 1));
        assert_eq!(count("keel_autoscale_backlog"), 7);
        assert_eq!(page.count("keel_autoscale_decisions_total", &[("direction", "out")]).unwrap(), 1);
        assert_eq!((count("keel_autoscale_errors_total"), count("keel_autoscale_paused")), (1, 0));
        assert!((page.sum("keel_autoscale_backlog_age_seconds", &[]).unwrap() - 2.5).abs() < 1e-9);

        let hold = Decision { direction: Direction::Hold, wanted: Some(4), reason: String::new() };
        series.decided(&hold, None);
        assert!(!fetch().0.contains("keel_autoscale_backlog_age_seconds"), "nobody knows it now");
        assert!(http::get(&format!("http://{address}/nothing")).is_err());
        assert_eq!(http::get(&format!("http://{address}/livez")).unwrap(), "ok\n");
    }
}
