//! `cargo xtask autoscale`: as many workers as the work needs, within bounds, until somebody ends it.

mod controller;
mod look;
mod report;
mod series;
mod settings;
mod source;
mod track;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::capacity::duration;
use crate::deploy::{Common, Stack, WORKER, scale_to};
use crate::{interrupt, wait};
use controller::{Controller, Decision, Direction};
pub use look::Look;
pub use source::look as look_at;

use report::Report;
use series::Series;
use settings::Settings;

/// After errors: the interval doubled each time, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Keep as many workers as the work needs, from the age of what waits; until Ctrl-C.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    settings: Settings,
    /// Between two looks
    #[arg(long, default_value = "3s", value_parser = duration, value_name = "TIME")]
    interval: Duration,
    /// Look and act once; a wait that grows shows only over several looks
    #[arg(long)]
    once: bool,
    /// Offer `/metrics` and `/livez` here, such as 127.0.0.1:9465
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    common: Common,
}

/// The running autoscaler.
struct Autoscaler {
    stack: Stack,
    controller: Controller,
    series: Series,
    report: Report,
    started: Instant,
}

/// Runs the subcommand.
///
/// # Errors
/// When nothing is deployed or a flag is wrong; with `--once` also when the look or the change fails. Otherwise failures
/// are told and tried again.
pub fn run(args: &Args) -> anyhow::Result<()> {
    args.settings.check()?;
    anyhow::ensure!(
        (Duration::from_secs(1)..=Duration::from_secs(60)).contains(&args.interval),
        "--interval: not between 1s and 1m"
    );
    let stack = Stack::open(&args.common)?;
    stack.must_be_deployed()?;
    let series = Series::default();
    if let Some(address) = args.listen {
        eprintln!("  metrics at http://{}/metrics", series.serve(address)?);
    }
    let mut autoscaler = Autoscaler {
        stack,
        controller: Controller::new(args.settings.clone()),
        series,
        report: Report::new(args.common.output),
        started: Instant::now(),
    };
    if args.once {
        return autoscaler.turn();
    }
    ended(autoscaler.forever(args.interval))
}

/// Being asked to end is how it ends.
fn ended(result: anyhow::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.is::<interrupt::Interrupted>() => Ok(()),
        other => other,
    }
}

impl Autoscaler {
    fn forever(&mut self, interval: Duration) -> anyhow::Result<()> {
        let mut pause = interval;
        loop {
            let begun = Instant::now();
            match self.turn() {
                Ok(()) => pause = interval,
                Err(error) if error.is::<interrupt::Interrupted>() => return Err(error),
                Err(error) => {
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    self.series.failed();
                    self.report.failed(self.started.elapsed(), &error, pause);
                }
            }
            wait::pause(pause.saturating_sub(begun.elapsed()))?;
        }
    }

    /// Looks, decides, tells and acts.
    fn turn(&mut self) -> anyhow::Result<()> {
        let now = self.started.elapsed();
        let look = self.look()?;
        let decision = self.controller.decide(now, &look);
        let fleet = match &look {
            Look::Fleet(fleet) => Some(fleet),
            Look::Unknown(_) | Look::Paused(_) => None,
        };
        self.series.decided(&decision, fleet);
        self.report.decided(now, &decision, fleet)?;
        match (decision.direction, decision.wanted) {
            (Direction::Out | Direction::In, Some(wanted)) => self.act(&decision, wanted),
            _ => Ok(()),
        }
    }

    fn look(&mut self) -> anyhow::Result<Look> {
        if !self.stack.is_dry() && self.stack.try_lock()?.is_none() {
            return Ok(Look::Paused("another command changes this project".to_owned()));
        }
        // A deployment may have changed build and ports meanwhile.
        self.stack.reload()?;
        let replicas = self.stack.service(WORKER)?.iter().filter(|container| container.runs()).count();
        let build = &self.stack.state.build.id;
        let front = format!("http://127.0.0.1:{}/health", self.stack.port("FRONT", 8080));
        let mut look = source::look(&front, build, replicas);
        if let Look::Fleet(fleet) = &mut look {
            let prometheus = format!("http://127.0.0.1:{}", self.stack.port("PROMETHEUS", 9090));
            fleet.slots = source::slots(&prometheus, build);
        }
        Ok(look)
    }

    /// Brings the workers to `wanted`, unless somebody else began to change them since the look.
    fn act(&mut self, decision: &Decision, wanted: usize) -> anyhow::Result<()> {
        let lock = if self.stack.is_dry() { None } else { self.stack.try_lock()? };
        if lock.is_none() && !self.stack.is_dry() {
            return Ok(());
        }
        let seen = self.stack.state.clone();
        self.stack.reload()?;
        if self.stack.state != seen {
            return Ok(());
        }
        // A draining worker ends with what it holds done or handed over; until then there is nothing to decide.
        let scaled = scale_to(&mut self.stack, wanted)?;
        if self.stack.is_dry() {
            return Ok(());
        }
        self.report.acted(self.started.elapsed(), decision.direction, &scaled);
        Ok(())
    }
}
