//! The decision about an order, and its end.

use std::time::Duration;

use jiff::Timestamp;
use keel_types::activity::Outcome;
use keel_types::decision::{Decision, Verdict};
use keel_types::names::activity;
use keel_types::state::OrderStatus;
use serde_json::json;

use super::audit::append;
use super::head::{Head, claim, lock, now};
use super::step;
use crate::count::Change;
use crate::store::engine::{OpError, Tx, args};
use crate::store::error::Refusal;
use crate::store::record::{Owner, Recorded, StepState};

pub(super) async fn record_decision(
    tx: &mut dyn Tx,
    order_id: &str,
    decision: &Decision,
    owner: Option<&Owner>,
) -> Result<Recorded<Decision>, OpError> {
    let head = lock(tx, order_id).await?;
    if !head.status.is_final() {
        claim(tx, &head, owner, None).await?;
    }
    match head.decision.clone() {
        // A workflow task that is lost behind this is worked on again, at a later time.
        Some(first) if first.is_same(decision) => return Ok(Recorded::Before),
        Some(first) if owner.is_some() && is_of_lost_task(tx, &head, &first, decision).await? => {}
        Some(first) => return Ok(Recorded::Other(first)),
        None if head.status.is_final() => {
            let what = activity::RECORD_DECISION;
            return Err(Refusal::Closed { order_id: head.order_id, status: head.status, what }.into());
        }
        None => {}
    }
    let (verdict, status) = match decision.verdict {
        Verdict::Approve => ("approve", OrderStatus::Approved),
        // The order becomes rejected when it is closed, so that no status is final before its failure is
        // known.
        Verdict::Reject => ("reject", OrderStatus::Pending),
    };
    let status = if is_undecided_or_approved(head.status) { status } else { head.status };
    let sql = "UPDATE orders SET decision_verdict = $2, decision_by = $3, decision_reason = $4, decision_at = $5, \
         status = $6, updated_at = $7 WHERE order_id = $1";
    let (by, reason) = (decision.by.as_deref(), decision.reason.as_deref());
    tx.execute(sql, args![order_id, verdict, by, reason, &decision.at, status.as_str(), &now()]).await?;
    append(tx, order_id, "decided", &json!(decision), None).await?;
    let is_first = head.decision.is_none();
    if let Some(waited) = waited(tx, order_id, &decision.at).await?.filter(|_| is_first) {
        tx.changes().push(Change::Decided(decision.verdict, waited));
    }
    Ok(Recorded::Now)
}

/// Whether `first` comes from a workflow task that was lost with its worker after it had been recorded. A run decides once, so
/// that of two decisions of one run its history knows only the later: nobody was told of the other, and nothing was begun
/// for it. The run is the same if nobody has taken the order since; a run that was reset has. A report that is late itself,
/// from a worker taken for dead, is the earlier one. Clocks of servers that disagree by more than the two are apart make
/// this miss, never replace what counts.
async fn is_of_lost_task(
    tx: &mut dyn Tx,
    head: &Head,
    first: &Decision,
    later: &Decision,
) -> Result<bool, OpError> {
    let time = |decision: &Decision| decision.at.parse::<Timestamp>().ok();
    let is_later = time(first).zip(time(later)).is_some_and(|(first, later)| first < later);
    if !is_later || !is_undecided_or_approved(head.status) {
        return Ok(false);
    }
    let sql = "SELECT 1 FROM order_events WHERE order_id = $1 AND (kind = 'owned' OR kind LIKE 'step%') \
         AND seq > (SELECT MAX(seq) FROM order_events WHERE order_id = $1 AND kind = 'decided')";
    Ok(tx.rows(sql, args![&head.order_id]).await?.is_empty())
}

const fn is_undecided_or_approved(status: OrderStatus) -> bool {
    matches!(status, OrderStatus::Pending | OrderStatus::Approved)
}

/// From the moment a run first took the order up to `decided_at`; none for an order that no run took up.
async fn waited(tx: &mut dyn Tx, order_id: &str, decided_at: &str) -> Result<Option<Duration>, OpError> {
    let sql = "SELECT MIN(at) FROM order_runs WHERE order_id = $1";
    let rows = tx.rows(sql, args![order_id]).await?;
    let opened_at = rows.first().map_or(Ok(None), |row| row.optional_text(0))?;
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let (Some(opened), Some(decided)) = (opened_at.as_deref().and_then(time), time(decided_at)) else {
        return Ok(None);
    };
    // The times are of different clocks; a decision never comes before its order.
    Ok(Some(Duration::try_from(decided.duration_since(opened)).unwrap_or_default()))
}

pub(super) async fn close(
    tx: &mut dyn Tx,
    order_id: &str,
    outcome: &Outcome,
    owner: Option<&Owner>,
) -> Result<Recorded<Outcome>, OpError> {
    let head = lock(tx, order_id).await?;
    if head.status.is_final() {
        let first = Outcome { status: head.status, failure: head.failure };
        return Ok(if first == *outcome { Recorded::Before } else { Recorded::Other(first) });
    }
    claim(tx, &head, owner, None).await?;
    let kind = outcome.failure.as_ref().and_then(|failure| failure.kind).map(|kind| kind.as_str());
    let message = outcome.failure.as_ref().map(|failure| failure.message.as_str());
    let sql = "UPDATE orders SET status = $2, failure_type = $3, failure_message = $4, updated_at = $5 \
         WHERE order_id = $1";
    tx.execute(sql, args![order_id, outcome.status.as_str(), kind, message, &now()]).await?;
    // Steps that nobody undid: a person must look at such an order.
    let steps = step::all(tx, order_id).await?;
    let left: Vec<_> = steps.iter().filter(|s| s.state != StepState::Undone).map(|s| s.step).collect();
    let mut detail = json!({"status": outcome.status});
    if let Some(failure) = &outcome.failure {
        detail["failure"] = json!(failure);
    }
    if !left.is_empty() {
        tracing::warn!(order_id, ?left, "an order was closed with steps that are not undone");
        detail["notUndone"] = json!(left);
    }
    append(tx, order_id, "closed", &detail, None).await?;
    tx.changes().push(Change::Ended(outcome.status));
    Ok(Recorded::Now)
}
