//! Two workers side by side, measured in turns, so that a drift of the machine hits both alike.

use std::time::Duration;

use anyhow::Result;
use temporalio_client::Client;

use crate::drive::drive;
use crate::process::Worker;
use crate::product::Setup;
use crate::work::Kind;

/// How the turns are.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Turns {
    /// Rounds; each worker has one turn in each.
    #[arg(long, default_value_t = 6)]
    pub rounds: usize,
    /// Orders in a turn.
    #[arg(long, default_value_t = 300)]
    pub orders: usize,
    /// Orders in flight.
    #[arg(long, default_value_t = 50)]
    pub in_flight: usize,
}

/// A worker and what it has used in its turns.
pub struct Contestant {
    worker: Worker,
    queue: String,
    cpu: Duration,
    elapsed: Duration,
    orders: usize,
}

impl Contestant {
    /// Starts the worker and waits until it polls.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(setup: Setup) -> Result<Self> {
        let worker = Worker::start(setup.command, &setup.ready_file)?;
        Ok(Self { worker, queue: setup.queue, cpu: Duration::ZERO, elapsed: Duration::ZERO, orders: 0 })
    }

    /// Its processor time per order, in milliseconds.
    pub fn cpu_ms(&self) -> f64 {
        self.cpu.as_secs_f64() * 1000.0 / self.orders.max(1) as f64
    }

    /// Its orders per second.
    pub fn per_second(&self) -> f64 {
        self.orders as f64 / self.elapsed.as_secs_f64()
    }

    /// Its highest resident memory, in MB of 10^6 bytes.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn peak_mb(&self) -> Result<f64> {
        self.worker.peak_mb()
    }

    async fn turn(&mut self, client: &Client, turns: Turns, round: usize) -> Result<()> {
        let before = self.worker.cpu()?;
        let prefix = format!("{}-{round}", self.queue);
        let figures = drive(client, &self.queue, Kind::Order, &prefix, turns.orders, turns.in_flight).await?;
        self.cpu += self.worker.cpu()? - before;
        self.elapsed += figures.elapsed;
        self.orders += turns.orders;
        Ok(())
    }
}

/// Warms both up, then gives each its turns; who goes first changes from round to round.
///
/// # Errors
/// When an order does not complete.
pub async fn contest(client: &Client, turns: Turns, pair: &mut [Contestant; 2]) -> Result<()> {
    for contestant in pair.iter() {
        let prefix = format!("{}-warm", contestant.queue);
        drive(client, &contestant.queue, Kind::Order, &prefix, 50, 5).await?;
    }
    for round in 0..turns.rounds {
        let first = round % 2;
        pair[first].turn(client, turns, round).await?;
        pair[1 - first].turn(client, turns, round).await?;
    }
    Ok(())
}
