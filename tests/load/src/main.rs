//! Load on the real processes, and the bare worker they are held against.
//!
//! `cargo xtask bench`, `drill` and `soak` build everything and call this. It knows the wire contract by name only, as any other
//! client would; the bare worker is the floor that the SDK itself sets and is no part of the product.
#![expect(clippy::print_stdout, reason = "the figures are this program's result")]

mod bare;
mod contest;
mod drive;
mod flow;
mod orders;
mod process;
mod product;
mod start;
mod telemetry;
mod threads;
mod work;

use clap::{Parser, Subcommand};

/// Drives orders and tasks through workers and measures them.
#[derive(Parser)]
#[command(name = "keel-load", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure `keel-worker` against the bare worker.
    BenchOrders(orders::Args),
    /// Measure what logs, metrics and traces cost the worker per order.
    BenchTelemetry(telemetry::Args),
    /// Measure workflow code on one thread against two.
    BenchThreads(threads::Args),
    /// Measure how soon a worker is ready, and its memory while it idles.
    BenchStart(start::Args),
    /// Keep work in flight, steered over stdin, and account for all of it at the end.
    Flow(flow::Args),
    /// Be the bare worker: the SDK, the same workflow shapes, empty activities.
    BareWorker(bare::Args),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli.command {
            Command::BenchOrders(args) => orders::run(args).await,
            Command::BenchTelemetry(args) => telemetry::run(args).await,
            Command::BenchThreads(args) => threads::run(args).await,
            Command::BenchStart(args) => start::run(&args),
            Command::Flow(args) => flow::run(args).await,
            Command::BareWorker(args) => bare::run(args).await,
        }
    })
}
