//! `bench-orders`: the product's worker and the bare one, one after the other on the same server.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use temporalio_client::Client;

use crate::drive::{Figures, drive};
use crate::process::Worker;
use crate::product::{Place, Setup};
use crate::work::{Kind, connect};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// Orders one at a time.
    #[arg(long, default_value_t = 300)]
    single: usize,
    /// Orders with 50 in flight.
    #[arg(long, default_value_t = 1500)]
    many: usize,
    /// Tasks, 10 in flight.
    #[arg(long, default_value_t = 100)]
    tasks: usize,
}

/// What one worker did.
struct Measured {
    single: Figures,
    many: Figures,
    many_count: usize,
    cpu_ms_per_order: f64,
    cpu_ms_per_task: f64,
    peak_mb: f64,
    own_peak_mb: f64,
}

pub async fn run(args: Args) -> Result<()> {
    let client = connect(&args.place.address).await?;
    let dir = tempfile::tempdir()?;
    make_datasets(&args, dir.path())?;
    let floor = measure(&args, &client, "bare", bare(&args, dir.path())).await?;
    report("bare", &floor);
    let keel = measure(&args, &client, "keel", args.place.product(dir.path(), "keel", &[])?).await?;
    report("keel", &keel);
    println!(
        "orders: cpu_ms_per_order={:.2} floor_cpu_ms_per_order={:.2} cpu_ratio={:.2} p50_ms={:.1} p99_ms={:.1} \
         peak_mb={:.1} own_peak_mb={:.1} floor_p50_ms={:.1} p50_50_ms={:.0} p99_50_ms={:.0} orders_per_s={:.0} \
         floor_orders_per_s={:.0} cpu_ms_per_task={:.2} floor_cpu_ms_per_task={:.2} floor_peak_mb={:.1}",
        keel.cpu_ms_per_order,
        floor.cpu_ms_per_order,
        keel.cpu_ms_per_order / floor.cpu_ms_per_order,
        ms(&keel.single, 0.5),
        ms(&keel.single, 0.99),
        keel.peak_mb,
        keel.own_peak_mb,
        ms(&floor.single, 0.5),
        ms(&keel.many, 0.5),
        ms(&keel.many, 0.99),
        keel.per_second(),
        floor.per_second(),
        keel.cpu_ms_per_task,
        floor.cpu_ms_per_task,
        floor.peak_mb,
    );
    Ok(())
}

async fn measure(args: &Args, client: &Client, name: &str, setup: Setup) -> Result<Measured> {
    let worker = Worker::start(setup.command, &setup.ready_file)?;
    let queue = &setup.queue;
    drive(client, queue, Kind::Order, &format!("{name}-warm"), 50, 5).await?;
    let before = worker.cpu()?;
    let single = drive(client, queue, Kind::Order, &format!("{name}-one"), args.single, 1).await?;
    let many = drive(client, queue, Kind::Order, &format!("{name}-many"), args.many, 50).await?;
    let orders = worker.cpu()?;
    drive(client, queue, Kind::Task, "task", args.tasks, 10).await?;
    let tasks = worker.cpu()?;
    Ok(Measured {
        single,
        many,
        many_count: args.many,
        cpu_ms_per_order: per(orders - before, args.single + args.many),
        cpu_ms_per_task: per(tasks - orders, args.tasks),
        peak_mb: worker.peak_mb()?,
        own_peak_mb: worker.own_peak_mb()?,
    })
}

impl Measured {
    fn per_second(&self) -> f64 {
        self.many_count as f64 / self.many.elapsed.as_secs_f64()
    }
}

fn bare(args: &Args, dir: &Path) -> Setup {
    let (queue, ready_file) = ("bench-bare".to_owned(), dir.join("bare.ready"));
    let mut command = Command::new(args.place.bin_dir.join("keel-load"));
    command.args(["bare-worker", "--task-queue", &queue, "--address", &args.place.address, "--ready-file"]);
    command.arg(&ready_file);
    Setup { queue, ready_file, command }
}

/// Every task works on a dataset of its own; these are small, so that the steps cost and not the rows.
fn make_datasets(args: &Args, dir: &Path) -> Result<()> {
    for number in 0..args.tasks {
        let status = Command::new(args.place.bin_dir.join("keel"))
            .args([
                "dataset",
                "generate",
                &format!("task-{number}"),
                "--rows",
                "100",
                "--seed",
                "1",
                "--data-dir",
            ])
            .arg(dir.join("data"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .context("cannot run keel")?;
        anyhow::ensure!(status.success(), "keel dataset generate failed with {status}");
    }
    Ok(())
}

fn report(name: &str, measured: &Measured) {
    println!(
        "{name}: one at a time p50 {:.1} ms, p99 {:.1} ms; 50 in flight {:.0} orders/s, p50 {:.0} ms, p99 {:.0} ms; \
         CPU {:.2} ms per order, {:.2} ms per task; peak {:.1} MB",
        ms(&measured.single, 0.5),
        ms(&measured.single, 0.99),
        measured.per_second(),
        ms(&measured.many, 0.5),
        ms(&measured.many, 0.99),
        measured.cpu_ms_per_order,
        measured.cpu_ms_per_task,
        measured.peak_mb,
    );
}

fn per(cpu: Duration, count: usize) -> f64 {
    cpu.as_secs_f64() * 1000.0 / count.max(1) as f64
}

fn ms(figures: &Figures, quantile: f64) -> f64 {
    figures.latency.value_at_quantile(quantile) as f64 / 1000.0
}
