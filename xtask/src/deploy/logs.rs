//! `cargo xtask logs`: what the containers say.

use super::stack::{Common, Stack};
use crate::exec;

/// Show what the containers say.
#[derive(clap::Args)]
pub struct Args {
    /// Only this service, such as `temporal-worker`
    service: Option<String>,
    /// Go on until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Lines from before, for each container
    #[arg(long, default_value_t = 200)]
    tail: u32,
    #[command(flatten)]
    common: Common,
}

/// Runs the subcommand.
///
/// # Errors
/// When Compose fails; it has said why.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let stack = Stack::open(&args.common)?;
    stack.must_be_deployed()?;
    let tail = args.tail.to_string();
    let mut command = stack.compose(&["logs", "--tail", &tail]);
    if args.follow {
        command.arg("--follow");
    }
    command.args(&args.service);
    if stack.is_dry() {
        println!("{}", exec::show(&command));
        return Ok(());
    }
    match exec::foreground(&mut command) {
        // Ctrl-C is how following ends.
        Err(error) if args.follow && error.is::<crate::interrupt::Interrupted>() => Ok(()),
        result => result,
    }
}
