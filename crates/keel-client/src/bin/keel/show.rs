//! Text for people: states, tables.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use keel_client::{OrderRow, OrderView, Outcome, RunInfo};
use keel_types::money;
use keel_types::state::{OrderState, OrderStatus};

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Name and value, one pair a line, values aligned.
pub(crate) fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 1;
    let lines: Vec<String> =
        rows.iter().map(|(name, value)| format!("{:<width$} {value}", format!("{name}:"))).collect();
    lines.join("\n")
}

/// `keel order show`.
pub(crate) fn order(view: &OrderView) -> String {
    let mut rows = vec![("order", view.order_id.clone())];
    let outside = view.run.status.is_from_outside();
    let status = view.status.clone().filter(|_| !outside);
    rows.push(("status", status.unwrap_or_else(|| view.run.status.word().to_owned())));
    if let Some(state) = &view.state {
        state_rows(state, view.run.status.is_closed(), &mut rows);
    } else if let Some(customer) = &view.run.customer_id {
        rows.push(("customer", customer.clone()));
    }
    run_rows(&view.run, view.outcome.as_ref(), &mut rows);
    rows.push(("source", source(view.source)));
    pairs(&rows)
}

/// The state alone, as `keel order decide` answers.
pub(crate) fn state(state: &OrderState) -> String {
    let mut rows = vec![("order", state.order_id.clone()), ("status", state.status.to_string())];
    state_rows(state, false, &mut rows);
    pairs(&rows)
}

fn state_rows(state: &OrderState, closed: bool, rows: &mut Vec<(&'static str, String)>) {
    let steps = |steps: &[keel_types::state::SagaStep]| {
        (!steps.is_empty()).then(|| steps.iter().map(|step| step.as_str()).collect::<Vec<_>>().join(", "))
    };
    let total =
        state.total_minor.zip(state.currency.as_deref()).map(|(minor, code)| money::plain(minor, code));
    let failure = state.failure.as_ref().map(|failure| match failure.kind {
        Some(kind) => format!("{kind}: {}", failure.message),
        None => failure.message.clone(),
    });
    let optional = [
        ("customer", state.customer_id.clone()),
        ("total", total),
        ("placed by", state.requested_by.clone()),
        ("approved by", state.approved_by.clone()),
        ("rejected by", state.rejected_by.clone()),
        ("rejected because", state.rejected_reason.clone()),
        ("decided at", state.decided_at.clone()),
        ("expires at", state.deadline.clone().filter(|_| !closed && state.status == OrderStatus::Pending)),
        ("reminded at", state.reminded_at.clone()),
        (if closed { "was running" } else { "running" }, state.current_step.clone()),
        ("done", steps(&state.completed_steps)),
        ("undone", steps(&state.compensated_steps)),
        ("failure", failure),
    ];
    rows.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    for ignored in &state.ignored_decisions {
        rows.push(("ignored", format!("{} by {}: {}", ignored.decision, ignored.by, ignored.why)));
    }
    let kept = u32::try_from(state.ignored_decisions.len()).unwrap_or(u32::MAX);
    if state.ignored_count > kept {
        rows.push(("ignored", format!("and {} more", state.ignored_count - kept)));
    }
}

/// What the server knows of a run, as rows.
pub(crate) fn run_rows(run: &RunInfo, outcome: Option<&Outcome>, rows: &mut Vec<(&'static str, String)>) {
    rows.push(("workflow", format!("{} (run {}), {}", run.workflow_id, run.run_id, run.status.word())));
    if let Some(started) = &run.started_at {
        rows.push(("started at", started.clone()));
    }
    if let Some(closed) = &run.closed_at {
        rows.push(("ended at", closed.clone()));
    }
    for activity in &run.activities {
        let failed = activity.last_failure.as_ref().map(|why| format!("; before: {why}")).unwrap_or_default();
        rows.push(("activity", format!("{}, attempt {}{failed}", activity.name, activity.attempt)));
    }
    if let Some(outcome) = outcome {
        rows.push(("outcome", outcome.to_string()));
    }
}

/// Where a view comes from, in words.
pub(crate) fn source(source: &str) -> String {
    match source {
        "worker" => "the workflow itself".to_owned(),
        _ => "the server's record; no worker answered".to_owned(),
    }
}

/// `keel order list`.
pub(crate) fn orders(rows: &[OrderRow]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["ORDER", "STATUS", "CUSTOMER", "RUN", "STARTED"]);
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    for row in rows {
        table.add_row([
            row.order_id.clone(),
            text(&row.status),
            text(&row.customer_id),
            row.run_status.word().to_owned(),
            text(&row.started_at),
        ]);
    }
    let lines = table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use keel_types::state::{OrderState, OrderStatus};

    use super::{grouped, state};

    #[test]
    fn thousands_stand_apart() {
        assert_eq!((grouped(7), grouped(1_234_567)), ("7".to_owned(), "1,234,567".to_owned()));
    }

    #[test]
    fn a_state_shows_what_it_has_and_nothing_else() {
        let pending = OrderState {
            order_id: "O-1".to_owned(),
            status: OrderStatus::Approved,
            approved_by: Some("m@x".to_owned()),
            total_minor: Some(990),
            currency: Some("EUR".to_owned()),
            ..OrderState::default()
        };
        assert_eq!(
            state(&pending),
            "order:       O-1\nstatus:      approved\ntotal:       9.90 EUR\napproved by: m@x"
        );
    }
}
