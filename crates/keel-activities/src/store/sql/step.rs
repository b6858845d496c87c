//! The steps of fulfilment and their one way: started, done, undoing, undone.

use keel_types::state::{OrderStatus, SagaStep};
use serde_json::{Value, json};

use super::audit::append;
use super::head::{Head, claim, lock, now, set_status};
use crate::count::Change;
use crate::store::engine::{OpError, Tx, args};
use crate::store::error::Refusal;
use crate::store::record::{Begin, Owner, StepRecord, StepState, Undo};

/// The steps that were tried, in the order of the saga.
pub(super) async fn all(tx: &mut dyn Tx, order_id: &str) -> Result<Vec<StepRecord>, OpError> {
    let sql = "SELECT step, state, reference, note FROM order_steps WHERE order_id = $1";
    let rows = tx.rows(sql, args![order_id]).await?;
    let mut steps = rows
        .iter()
        .map(|row| {
            Ok(StepRecord {
                step: row.name(0, SagaStep::parse)?,
                state: row.name(1, StepState::parse)?,
                reference: row.optional_text(2)?,
                note: row.optional_text(3)?,
            })
        })
        .collect::<Result<Vec<_>, OpError>>()?;
    steps.sort_by_key(|step| step.step);
    Ok(steps)
}

/// Checks that a step may be done by `owner` now; false if it is done already.
pub(super) async fn may_begin(
    tx: &mut dyn Tx,
    head: &Head,
    step: SagaStep,
    steps: &[StepRecord],
    owner: Option<&Owner>,
) -> Result<bool, OpError> {
    let order_id = || head.order_id.clone();
    match find(steps, step) {
        Some(StepRecord { state: StepState::Done, .. }) => return Ok(false),
        Some(StepRecord { state: StepState::Undoing | StepState::Undone, note, .. }) => {
            return Err(Refusal::Undone { order_id: order_id(), step, note: note.clone() }.into());
        }
        Some(StepRecord { state: StepState::Started, .. }) | None => {}
    }
    if head.status.is_final() {
        return Err(Refusal::Closed { order_id: order_id(), status: head.status, what: step.as_str() }.into());
    }
    claim(tx, head, owner, None).await?;
    Ok(true)
}

pub(super) async fn begin(
    tx: &mut dyn Tx,
    order_id: &str,
    step: SagaStep,
    owner: Option<&Owner>,
) -> Result<Begin, OpError> {
    let head = lock(tx, order_id).await?;
    let steps = all(tx, order_id).await?;
    if !may_begin(tx, &head, step, &steps, owner).await? {
        return Ok(Begin::Done);
    }
    if find(&steps, step).is_none() {
        set(tx, order_id, step, StepState::Started, &Marks::default()).await?;
        append(tx, order_id, "stepStarted", &json!({"step": step}), None).await?;
    }
    Ok(Begin::Do(Box::new(head.order(tx).await?)))
}

pub(super) async fn finish(
    tx: &mut dyn Tx,
    order_id: &str,
    step: SagaStep,
    reference: &str,
) -> Result<(), OpError> {
    let head = lock(tx, order_id).await?;
    let steps = all(tx, order_id).await?;
    match find(&steps, step) {
        Some(StepRecord { state: StepState::Done, .. }) => Ok(()),
        Some(StepRecord { state: StepState::Undoing | StepState::Undone, .. }) => {
            Err(Refusal::Undone { order_id: head.order_id, step, note: None }.into())
        }
        Some(StepRecord { state: StepState::Started, .. }) | None => {
            let marks = Marks { reference: Some(reference), ..Marks::default() };
            set(tx, order_id, step, StepState::Done, &marks).await?;
            tx.changes().push(Change::Done(step));
            append(tx, order_id, "stepDone", &json!({"step": step, "reference": reference}), None).await
        }
    }
}

pub(super) async fn refuse(
    tx: &mut dyn Tx,
    order_id: &str,
    step: SagaStep,
    note: &str,
) -> Result<(), OpError> {
    lock(tx, order_id).await?;
    let steps = all(tx, order_id).await?;
    match find(&steps, step).map(|step| step.state) {
        Some(StepState::Started) | None => {
            set(tx, order_id, step, StepState::Undone, &Marks { note: Some(note), ..Marks::default() })
                .await?;
            append(tx, order_id, "stepRefused", &json!({"step": step, "message": note}), None).await
        }
        // Somebody else's answer came first and stays.
        Some(StepState::Done | StepState::Undoing | StepState::Undone) => Ok(()),
    }
}

pub(super) async fn begin_undo(
    tx: &mut dyn Tx,
    order_id: &str,
    step: SagaStep,
    owner: Option<&Owner>,
) -> Result<Undo, OpError> {
    let head = lock(tx, order_id).await?;
    let steps = all(tx, order_id).await?;
    if let Some(settled) = may_undo(tx, &head, step, &steps, owner).await? {
        return Ok(settled);
    }
    if find(&steps, step).is_none_or(|step| step.state != StepState::Undoing) {
        set(tx, order_id, step, StepState::Undoing, &Marks::default()).await?;
        let detail = compensating(tx, &head, json!({"step": step})).await?;
        append(tx, order_id, "stepUndoing", &detail, None).await?;
    }
    Ok(Undo::Do)
}

pub(super) async fn finish_undo(
    tx: &mut dyn Tx,
    order_id: &str,
    step: SagaStep,
    reference: &str,
) -> Result<(), OpError> {
    lock(tx, order_id).await?;
    let steps = all(tx, order_id).await?;
    if find(&steps, step).is_some_and(|step| step.state == StepState::Undone) {
        return Ok(());
    }
    let marks = Marks { undo_reference: Some(reference), ..Marks::default() };
    set(tx, order_id, step, StepState::Undone, &marks).await?;
    tx.changes().push(Change::Undone(step));
    append(tx, order_id, "stepUndone", &json!({"step": step, "reference": reference}), None).await
}

/// Checks that a step may be undone by `owner` now; otherwise says why there is nothing to do.
pub(super) async fn may_undo(
    tx: &mut dyn Tx,
    head: &Head,
    step: SagaStep,
    steps: &[StepRecord],
    owner: Option<&Owner>,
) -> Result<Option<Undo>, OpError> {
    if find(steps, step).is_some_and(|step| step.state == StepState::Undone) {
        return Ok(Some(Undo::Done));
    }
    if head.status == OrderStatus::Completed {
        let dedup = format!("undoKept:{step}");
        append(tx, &head.order_id, "undoKept", &json!({"step": step}), Some(&dedup)).await?;
        return Ok(Some(Undo::Kept));
    }
    claim(tx, head, owner, None).await?;
    Ok(None)
}

/// Marks a living order as being compensated; `detail` says so if that is new.
pub(super) async fn compensating(tx: &mut dyn Tx, head: &Head, mut detail: Value) -> Result<Value, OpError> {
    if !head.status.is_final() && head.status != OrderStatus::Compensating {
        set_status(tx, &head.order_id, OrderStatus::Compensating).await?;
        detail["status"] = json!(OrderStatus::Compensating);
    }
    Ok(detail)
}

/// What is remembered with a state; what is absent stays as it was.
#[derive(Debug, Default)]
pub(super) struct Marks<'a> {
    pub(super) reference: Option<&'a str>,
    pub(super) undo_reference: Option<&'a str>,
    pub(super) note: Option<&'a str>,
}

pub(super) async fn set(
    tx: &mut dyn Tx,
    order_id: &str,
    step: SagaStep,
    state: StepState,
    marks: &Marks<'_>,
) -> Result<(), OpError> {
    let sql = "INSERT INTO order_steps (order_id, step, state, reference, undo_reference, note, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (order_id, step) DO UPDATE SET state = excluded.state, \
         reference = COALESCE(excluded.reference, order_steps.reference), \
         undo_reference = COALESCE(excluded.undo_reference, order_steps.undo_reference), \
         note = COALESCE(excluded.note, order_steps.note), updated_at = excluded.updated_at";
    let Marks { reference, undo_reference, note } = *marks;
    let at = now();
    let values = args![order_id, step.as_str(), state.as_str(), reference, undo_reference, note, &at];
    tx.execute(sql, values).await?;
    Ok(())
}

pub(super) fn find(steps: &[StepRecord], step: SagaStep) -> Option<&StepRecord> {
    steps.iter().find(|record| record.step == step)
}
