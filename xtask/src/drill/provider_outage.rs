//! `cargo xtask drill provider-outage`: orders come in and are approved without a break while the payment provider fails
//! for a minute and heals.
//!
//! Proves that the circuit opens, that the provider and the server are spared meanwhile (requests and attempts stay
//! under bounds that follow from the settings), and that afterwards every order completes, charged and shipped once.

mod bound;
mod load;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;

use crate::chaos::storm;
use crate::judge::{self, Evidence, Store, Verdict};
use crate::stack::{Page, Plan, ServerOptions, Stack, http};
use crate::{binaries, paths, tools, wait};

use bound::Breaker;
use load::Load;

/// What the worker is told, so that the bounds are known here.
const BREAKER: Breaker = Breaker {
    window: Duration::from_secs(10),
    min_calls: 10,
    failure_percent: 50,
    open_for: Duration::from_secs(5),
    open_max: Duration::from_secs(30),
    trial_calls: 3,
    max_in_flight: 24,
};
/// Load before the outage: longer than the breaker's window.
const BEFORE: Duration = Duration::from_secs(15);
/// Load after it.
const AFTER: Duration = Duration::from_secs(10);
/// From the recovery to the end of the last order; more means that something hangs.
const SETTLE: Duration = Duration::from_secs(180);

/// The payment provider fails for a minute under load and heals
#[derive(clap::Args)]
pub struct Args {
    /// How long the provider fails, in seconds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(20..=300))]
    seconds: u64,
    /// Orders a second
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=50))]
    rate: u64,
    /// For comparison: run without the circuit breaker and do not demand the bound
    #[arg(long)]
    without_breaker: bool,
    /// Build and run optimised binaries
    #[arg(long)]
    release: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// When a count is off, or the drill does not come to its end.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let tool = tools::temporal()?;
    let binaries = binaries::build(args.release)?;
    let paths::Claim { dir, scope, logs, .. } = &paths::claim("drill-provider-outage")?;
    let mut stack = Stack::start(plan(dir, scope, args), &tool, &binaries).with_context(|| logs.clone())?;
    let held = hold(&mut stack, args).with_context(|| logs.clone());
    let stopped = stack.stop().with_context(|| logs.clone());
    let (figures, verdict) = held?;
    stopped?;
    report(args, &figures, &verdict, logs)
}

fn plan<'a>(state: &Path, scope: &'a str, args: &Args) -> Plan<'a> {
    Plan {
        scope,
        state: state.to_path_buf(),
        server: ServerOptions::default(),
        sandbox_port: None,
        http_port: None,
        worker_settings: BREAKER.settings(!args.without_breaker),
        keep_settings: false,
    }
}

/// What was counted.
struct Figures {
    orders: usize,
    completed: usize,
    outage: Duration,
    requests: u64,
    requests_bound: u64,
    attempts: u64,
    attempts_bound: u64,
    opened: u64,
    recovered: Duration,
}

fn hold(stack: &mut Stack, args: &Args) -> anyhow::Result<(Figures, Verdict)> {
    stack.start_worker()?;
    let mut load = Load::new(stack, args.rate)?;
    eprintln!("{} orders a second; {} s before the outage", args.rate, BEFORE.as_secs());
    let window_begins = Instant::now() + BEFORE.saturating_sub(BREAKER.window);
    load.run(stack, window_begins)?;
    let window = Sample::take(stack)?;
    load.run(stack, window.at + BREAKER.window)?;

    let before = Sample::take(stack)?;
    ensure!(before.attempts > 0, "/metrics of the worker shows no calls to the payment provider");
    let charged = charged(stack)?;
    stack.sandbox.fault("payments", &json!({"mode": "fail"}))?;
    eprintln!("the payment provider fails for {} s", args.seconds);
    load.run(stack, before.at + Duration::from_secs(args.seconds))?;
    let after = Sample::take(stack)?;
    stack.sandbox.fault("payments", &json!({"mode": "none"}))?;
    let healed = Instant::now();
    eprintln!("it is well again");
    let waiting = load.placed.len();
    load.run(stack, healed + AFTER)?;
    let recovered = recovery(stack, &load, waiting, healed)?;
    let workflows = storm::wait_for_end(stack, load.placed.len(), healed + SETTLE)?;

    let evidence = Evidence {
        workflows,
        effects: stack.sandbox.effects()?,
        store: Store::parse(&stack.export_store()?)?,
    };
    let completed = evidence.workflows.values().filter(|status| *status == "COMPLETED").count();
    let outage = after.at - before.at;
    let met = load.placed.iter().filter(|placed| placed.at < after.at && !charged.contains(&placed.order.id));
    let left = met.map(|placed| after.at - placed.at.max(before.at));
    let succeeded = before.requests - window.requests;
    let figures = Figures {
        orders: load.placed.len(),
        completed,
        outage,
        requests: after.requests - before.requests,
        requests_bound: BREAKER.requests(outage, succeeded),
        attempts: after.attempts - before.attempts,
        attempts_bound: BREAKER.attempts(outage, succeeded, left),
        opened: after.opened - before.opened,
        recovered,
    };
    Ok((figures, judge::orders(&load.orders(), &evidence)))
}

/// The orders that are charged by now: the outage does not meet them.
fn charged(stack: &Stack) -> anyhow::Result<BTreeSet<String>> {
    let effects = stack.sandbox.effects()?;
    Ok(effects.into_iter().filter(|(_, effects)| effects.captured > 0).map(|(order, _)| order).collect())
}

/// How long after the recovery the last order that had been placed before it was charged and shipped.
fn recovery(stack: &mut Stack, load: &Load, waiting: usize, healed: Instant) -> anyhow::Result<Duration> {
    let limit = SETTLE.saturating_sub(healed.elapsed());
    wait::until("orders of the outage are not charged and shipped", limit, || {
        stack.must_run()?;
        let effects = stack.sandbox.effects()?;
        let done = load.placed[..waiting].iter().all(|placed| {
            effects.get(&placed.order.id).is_some_and(|effects| effects.captured > 0 && effects.booked > 0)
        });
        Ok(done.then(|| healed.elapsed()))
    })
}

/// The counts at one moment.
struct Sample {
    at: Instant,
    /// Requests that reached the payment provider.
    requests: u64,
    /// Attempts of `chargePayment` that came to the provider's guard: calls made and calls turned away.
    attempts: u64,
    /// Times the circuit opened.
    opened: u64,
}

impl Sample {
    fn take(stack: &Stack) -> anyhow::Result<Self> {
        let at = Instant::now();
        let requests = u64::try_from(stack.sandbox.requests("payments")?)?;
        let page = Page(http::get(&format!("http://{}/metrics", stack.settings.http))?);
        let payments = ("provider", "payments");
        let called =
            page.count("keel_provider_call_seconds_count", &[payments, ("operation", "chargePayment")])?;
        let turned_away = page.count("keel_provider_rejected_total", &[payments])?;
        let opened = page.count("keel_breaker_transitions_total", &[payments, ("to", "open")])?;
        let attempts = called + turned_away;
        Ok(Self { at, requests, attempts, opened })
    }
}

fn report(args: &Args, figures: &Figures, verdict: &Verdict, logs: &str) -> anyhow::Result<()> {
    for line in &verdict.details {
        eprintln!("provider-outage: {line}");
    }
    eprintln!(
        "outage of {:.1} s: {} requests reached the payment provider, at most {} may",
        figures.outage.as_secs_f64(),
        figures.requests,
        figures.requests_bound
    );
    println!(
        "provider-outage: orders={} completed={} double_charged={} lost={} opened={} attempts_in_outage={} bound={} \
         recovered_in_s={:.1}",
        figures.orders,
        figures.completed,
        verdict.double_charged,
        verdict.lost,
        figures.opened,
        figures.attempts,
        figures.attempts_bound,
        figures.recovered.as_secs_f64()
    );
    ensure!(verdict.is_clean() && figures.completed == figures.orders, "an order was hurt; {logs}");
    if args.without_breaker {
        eprintln!("without its circuit breaker the worker is not held to the bounds");
        return Ok(());
    }
    ensure!(figures.opened > 0, "the circuit never opened; {logs}");
    ensure!(figures.requests <= figures.requests_bound, "too many requests reached the provider; {logs}");
    ensure!(figures.attempts <= figures.attempts_bound, "too many attempts in the outage; {logs}");
    Ok(())
}
