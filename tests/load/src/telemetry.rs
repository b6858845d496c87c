//! `bench-telemetry`: what logs, metrics and traces cost, as processor time per order.

mod scrape;
mod sink;

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::contest::{Contestant, Turns, contest};
use crate::product::{Place, free_address};
use crate::work::connect;
use scrape::Scraper;
use sink::Sink;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    turns: Turns,
    /// Fail when the ratio is above this; 0 is no limit.
    #[arg(long, default_value_t = 0.0)]
    at_most: f64,
}

pub async fn run(args: Args) -> Result<()> {
    let client = connect(&args.place.address).await?;
    let dir = tempfile::tempdir()?;
    let off = Contestant::start(args.place.product(dir.path(), "off", &[])?)?;
    let sink = Sink::start().await?;
    let listen = free_address()?;
    let log = dir.path().join("worker.log");
    let on = start_observed(&args.place, dir.path(), &listen, &sink, &log)?;
    let scraper = Scraper::start(format!("http://{listen}/metrics"));

    let mut pair = [off, on];
    contest(&client, args.turns, &mut pair).await?;
    let [off, on] = &pair;
    let (scrapes, spans) = (scraper.stop(), sink.spans());
    let lines = std::fs::read_to_string(&log)?.lines().filter(|line| line.starts_with('{')).count();
    let ratio = on.cpu_ms() / off.cpu_ms();
    println!(
        "telemetry: off_cpu_ms={:.2} on_cpu_ms={:.2} ratio={ratio:.3} rounds={} off_per_s={:.1} on_per_s={:.1} \
         off_peak_mb={:.1} on_peak_mb={:.1} scrapes={scrapes} spans={spans} log_lines={lines}",
        off.cpu_ms(),
        on.cpu_ms(),
        args.turns.rounds,
        off.per_second(),
        on.per_second(),
        off.peak_mb()?,
        on.peak_mb()?,
    );
    ensure!(scrapes > 0 && spans > 0 && lines > 0, "telemetry was not on: a count is 0");
    ensure!(args.at_most == 0.0 || ratio <= args.at_most, "telemetry costs more than {}", args.at_most);
    Ok(())
}

/// A worker with everything on: endpoints, all traces, JSON lines at `info` to a file.
fn start_observed(place: &Place, dir: &Path, listen: &str, sink: &Sink, log: &Path) -> Result<Contestant> {
    let settings = [
        ("KEEL__HTTP__LISTEN", listen.to_owned()),
        ("KEEL__TRACES__ENDPOINT", sink.endpoint()),
        ("KEEL__TRACES__SAMPLE_RATIO", "1".to_owned()),
        ("KEEL__LOG__LEVEL", "info".to_owned()),
        ("KEEL__LOG__FORMAT", "json".to_owned()),
    ];
    let mut setup = place.product(dir, "on", &settings)?;
    setup.command.stderr(File::create(log).context("cannot write the worker's log")?);
    Contestant::start(setup)
}
