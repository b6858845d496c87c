//! `keel doctor`: looks at everything between this terminal and a worker, layer by layer.
//!
//! A step whose ground is missing is skipped and says so; the exit code names the family of the first failure.

mod network;
mod queues;
mod report;
mod server;
mod worker;

use std::time::Duration;

use clap::Args;

use crate::output::{Exit, Failure};
use crate::settings::Context;
use report::{Checkup, Family};

#[derive(Args, Clone, Debug)]
pub(crate) struct DoctorArgs {
    /// Where a worker's health endpoints are; without it the usual place is tried
    #[arg(long, value_name = "URL")]
    worker_url: Option<String>,
    /// The oldest task that may wait in a queue, such as 30s or 5m
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::cli::duration)]
    max_backlog_age: Duration,
}

pub(crate) async fn run(context: &Context, args: &DoctorArgs) -> Result<Exit, Failure> {
    let mut checkup = Checkup::default();
    let reached = network::examine(context, &mut checkup).await;
    let caller = match reached {
        true => server::examine(context, &mut checkup).await,
        false => {
            for family in [Family::Authentication, Family::Namespace] {
                checkup.skip(family, "the server was not reached");
            }
            None
        }
    };
    match &caller {
        Some(caller) => {
            server::attributes(caller, &mut checkup).await;
            queues::examine(caller, args.max_backlog_age, &mut checkup).await;
            server::clock(caller, &mut checkup).await;
        }
        None => {
            for family in [Family::SearchAttributes, Family::Pollers, Family::Backlog, Family::Clock] {
                checkup.skip(family, "there is no namespace to look at");
            }
        }
    }
    worker::examine(context, args.worker_url.as_deref(), &mut checkup).await;
    context.out.data(&checkup.document(), || checkup.text())?;
    Ok(checkup.exit())
}
