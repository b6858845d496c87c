//! `flow`: a steady stream of work that another program steers, and the account of it afterwards.
//!
//! It reads commands from stdin, one a line, and answers each with one line of JSON on stdout that names the command:
//!
//! - `stats`: how much was started and has ended;
//! - `sample`: looks at every open run, so that attempts which a stopped worker gave back are known;
//! - `finish`: starts nothing more, waits for every result, reads the histories if asked to, and answers with the
//!   account.
//!
//! A closed stdin ends it at once, so that it never outlives whoever steers it.

mod account;
mod attempts;
mod pace;
mod streams;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc;

use crate::work::{Kind, connect};
use account::Account;
use pace::Pace;
use streams::Streams;

#[derive(clap::Args)]
pub struct Args {
    /// The server.
    #[arg(long, env = "TEMPORAL_ADDRESS")]
    address: String,
    /// The task queue.
    #[arg(long, env = "TASK_QUEUE", default_value = "production-queue")]
    task_queue: String,
    /// Orders in flight at any time.
    #[arg(long, default_value_t = 0)]
    orders: usize,
    /// Orders started per second, at most; 0 is no limit.
    #[arg(long, default_value_t = 0)]
    orders_per_second: u32,
    /// Let the orders come in waves of this many seconds, in place of a steady pace.
    #[arg(long, conflicts_with = "orders_per_second", value_parser = clap::value_parser!(u32).range(1..))]
    wave_seconds: Option<u32>,
    /// Orders started per second at the bottom of a wave.
    #[arg(long, default_value_t = 1.0)]
    wave_low: f64,
    /// Orders started per second at the top of a wave.
    #[arg(long, default_value_t = 10.0)]
    wave_high: f64,
    /// Tasks in flight at any time.
    #[arg(long, default_value_t = 0)]
    tasks: usize,
    /// Dataset runs in flight at any time.
    #[arg(long, default_value_t = 0)]
    datasets: usize,
    /// The worker's `dataset.data_dir`; needed for tasks and datasets.
    #[arg(long, default_value = "data")]
    data_dir: PathBuf,
    /// The id of the dataset that every task works on, under another name.
    #[arg(long, default_value = "")]
    task_template: String,
    /// The id of the dataset that every dataset run works on, under another name.
    #[arg(long, default_value = "")]
    dataset_template: String,
    /// Read every history at the end and count the attempts of every activity.
    #[arg(long)]
    histories: bool,
    /// The start of every id.
    #[arg(long, default_value = "FLOW")]
    prefix: String,
}

pub async fn run(args: Args) -> Result<()> {
    let client = connect(&args.address).await?;
    let account = Arc::new(Account::new(client.clone()));
    let mut streams = Streams::new(client, args.task_queue, args.data_dir, args.prefix, Arc::clone(&account));
    let pace = match args.wave_seconds {
        Some(length) => Some(Pace::wave(args.wave_low, args.wave_high, length)?),
        None => (args.orders_per_second > 0).then(|| Pace::steady(args.orders_per_second)),
    };
    streams.open(Kind::Order, args.orders, pace, "");
    streams.open(Kind::Task, args.tasks, None, &args.task_template);
    streams.open(Kind::Dataset, args.datasets, None, &args.dataset_template);
    say("started", &serde_json::json!({}))?;

    let mut commands = commands();
    loop {
        let command = tokio::select! {
            command = commands.recv() => command,
            broken = streams.broken() => return Err(broken),
        };
        match command.as_deref() {
            Some("stats") => say("stats", &account.stats())?,
            Some("sample") => say("sample", &serde_json::json!({ "open": account.sample().await? }))?,
            Some("finish") => {
                streams.finish().await?;
                say("finish", &account.close(args.histories).await?)?;
            }
            Some(other) => bail!("`{other}` is no command: write stats, sample or finish"),
            None => return Ok(()),
        }
    }
}

/// The lines of stdin, until it is closed.
fn commands() -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel(1);
    // A thread that waits for a line cannot be cancelled; it ends with the process.
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if send.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receive
}

#[expect(clippy::print_stdout, reason = "the answers are what this program is for")]
fn say(command: &str, answer: &impl serde::Serialize) -> Result<()> {
    println!("{}", serde_json::json!({ "answer": command, "is": answer }));
    std::io::Write::flush(&mut std::io::stdout()).context("cannot answer on stdout")
}
