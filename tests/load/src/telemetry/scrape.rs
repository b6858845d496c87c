//! A Prometheus in miniature: fetches the metrics every second and throws them away.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);

/// A running scraper.
pub struct Scraper {
    stop: Sender<()>,
    thread: JoinHandle<usize>,
}

impl Scraper {
    /// Fetches `url` every second.
    pub fn start(url: String) -> Self {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let config = ureq::Agent::config_builder().timeout_global(Some(EVERY)).build();
            let agent = ureq::Agent::new_with_config(config);
            let mut fetched = 0;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let text = agent.get(&url).call().and_then(|mut answer| answer.body_mut().read_to_string());
                fetched += usize::from(text.is_ok_and(|text| text.contains("temporal_")));
            }
            fetched
        });
        Self { stop, thread }
    }

    /// Stops; returns how often the metrics came.
    pub fn stop(self) -> usize {
        drop(self.stop);
        self.thread.join().unwrap_or(0)
    }
}
