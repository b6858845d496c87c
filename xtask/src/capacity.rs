//! `cargo xtask capacity`: what a load needs, with the reason for each number.

mod figures;
pub mod load;
mod plan;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use clap::ValueEnum;

pub use load::{duration, shown};

use load::Load;
use plan::Plan;

/// Say what a load needs: workers, slots, memory, connections, shards, server, and why.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    load: Load,
    /// The form of the result
    #[arg(long, value_enum, default_value_t)]
    output: Form,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Form {
    /// For people
    #[default]
    Text,
    /// One JSON object: `load`, `lines`, `warnings`
    Json,
}

/// Runs the subcommand.
///
/// # Errors
/// When the load is none that a plan can be made of; says which flag.
pub fn run(args: &Args) -> anyhow::Result<()> {
    args.load.check()?;
    let plan = Plan::new(&args.load);
    match args.output {
        Form::Text => print!("{}", text(&plan)),
        Form::Json => println!("{}", serde_json::to_string_pretty(&plan)?),
    }
    Ok(())
}

fn text(plan: &Plan) -> String {
    let load = &plan.load;
    let mut out = format!(
        "{} orders/s, {} tasks/s, {} GB/h, decided after {}\n\n",
        load.orders_per_second,
        load.tasks_per_second,
        load.dataset_gb_per_hour,
        shown(load.approval_wait)
    );
    for line in &plan.lines {
        let unit = format!("{} {}", number(line.value), line.unit);
        let source = format!("{:?}", line.source).to_lowercase();
        let _ = writeln!(out, "{:<21}{unit:<34}{source:<9} {}", line.key, line.why);
    }
    for warning in &plan.warnings {
        let _ = writeln!(out, "\n! {warning}");
    }
    out
}

/// Whole where it is whole, else with two digits.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
