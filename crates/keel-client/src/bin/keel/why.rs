//! `keel why`: what a run waits for, or how it ended.

use keel_client::Why;

use crate::output::{Exit, Failure, note};
use crate::settings::Context;

pub(crate) async fn run(context: &Context, id: &str) -> Result<Exit, Failure> {
    let caller = context.connect().await?;
    match caller.why(id, &context.temporal_flags()).await? {
        Some(why) => {
            context.out.data(&why, || text(&why))?;
            Ok(Exit::Success)
        }
        None => {
            note(&format!(
                "there is no workflow `{id}` in namespace {}, and no order, task or dataset of this id; see `keel \
                 order list`, or name another namespace with --namespace",
                caller.namespace()
            ));
            Ok(Exit::Failed)
        }
    }
}

fn text(why: &Why) -> String {
    let mut lines = vec![format!(
        "{} is {} ({}, run {}, task queue {})",
        why.workflow_id,
        why.status.word(),
        why.workflow_type,
        why.run_id,
        why.task_queue
    )];
    let times = [("started", &why.started_at), ("ended", &why.closed_at)];
    let times = times.iter().filter_map(|(what, at)| Some(format!("{what} at {}", at.as_deref()?)));
    lines.push(times.collect::<Vec<_>>().join(", "));
    lines.push("why:".to_owned());
    lines.extend(why.findings.iter().map(|finding| format!("  - {}", finding.text)));
    if !why.whole_history_read {
        lines.push("  (only the last thousand events were read: an older timer may be missing)".to_owned());
    }
    lines.push("next:".to_owned());
    for next in &why.next {
        lines.push(format!("  - {}", next.text));
        lines.extend(next.command.iter().map(|command| format!("      {command}")));
    }
    lines.join("\n")
}
