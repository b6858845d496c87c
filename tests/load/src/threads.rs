//! `bench-threads`: workflow code on one thread against two.

use anyhow::Result;

use crate::contest::{Contestant, Turns, contest};
use crate::product::Place;
use crate::work::connect;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    turns: Turns,
}

pub async fn run(args: Args) -> Result<()> {
    let client = connect(&args.place.address).await?;
    let dir = tempfile::tempdir()?;
    let start = |name: &str, threads: u32| {
        let settings = [("KEEL__WORKER__WORKFLOW_THREADS", threads.to_string())];
        Contestant::start(args.place.product(dir.path(), name, &settings)?)
    };
    let mut pair = [start("one", 1)?, start("two", 2)?];
    contest(&client, args.turns, &mut pair).await?;
    let [one, two] = &pair;
    println!(
        "threads: orders_per_s_1={:.1} orders_per_s_2={:.1} speedup={:.2} cpu_ms_1={:.2} cpu_ms_2={:.2} peak_mb_1={:.1} \
         peak_mb_2={:.1} in_flight={} rounds={}",
        one.per_second(),
        two.per_second(),
        two.per_second() / one.per_second(),
        one.cpu_ms(),
        two.cpu_ms(),
        one.peak_mb()?,
        two.peak_mb()?,
        args.turns.in_flight,
        args.turns.rounds,
    );
    Ok(())
}
