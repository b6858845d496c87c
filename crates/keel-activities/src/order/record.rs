//! Decisions, reminders and ends, as they are written down.

use std::collections::HashMap;

use keel_types::activity::{Closing, DecisionRecord, IgnoredRecord};
use keel_types::failure::FailureType;
use keel_types::state::OrderStatus;
use serde_json::json;
use temporalio_sdk::activities::ActivityError;

use super::OrderActivities;
use super::failing::of_store;
use crate::failure::application;
use crate::store::{Note, Owner, Recorded};

impl OrderActivities {
    pub(super) async fn decide(
        &self,
        record: &DecisionRecord,
        owner: Option<Owner>,
    ) -> Result<(), ActivityError> {
        let recorded = self.store.record_decision(&record.order_id, &record.decision, owner.as_ref()).await;
        if let Recorded::Other(first) = recorded.map_err(|error| of_store(&error))? {
            let order_id = &record.order_id;
            tracing::warn!(order_id, ?first, later = ?record.decision, "another decision was recorded first and stays");
            let message = format!(
                "order {order_id} was already decided otherwise, by another run or by a worker that came first: look \
                 at it with `keel order show {order_id}`"
            );
            return Err(application(FailureType::OrderInProgress, message));
        }
        Ok(())
    }

    pub(super) async fn ignore(
        &self,
        record: &IgnoredRecord,
        owner: Option<Owner>,
    ) -> Result<(), ActivityError> {
        let notes = ignored_notes(record, owner.as_ref());
        let noted = self.store.note(&record.order_id, &notes, owner.as_ref()).await;
        noted.map_err(|error| of_store(&error))
    }

    pub(super) async fn remind(&self, order_id: &str, owner: Option<Owner>) -> Result<(), ActivityError> {
        let run = owner.as_ref().map_or("", |owner| owner.run_id.as_str());
        let note = Note { kind: "reminded", detail: json!({}), dedup: format!("reminded:{run}") };
        self.store.note(order_id, &[note], owner.as_ref()).await.map_err(|error| of_store(&error))?;
        tracing::info!(order_id, "the order still waits for a decision");
        Ok(())
    }

    pub(super) async fn close(&self, closing: &Closing, owner: Option<Owner>) -> Result<(), ActivityError> {
        let Closing { order_id, outcome } = closing;
        if !outcome.status.is_final() || outcome.status == OrderStatus::Completed {
            let message = format!(
                "closeOrder cannot make order {order_id} {}: only processApprovedOrder completes an order",
                outcome.status
            );
            return Err(application(FailureType::InputInvalid, message));
        }
        let recorded = self.store.close_order(order_id, outcome, owner.as_ref()).await;
        if let Recorded::Other(first) = recorded.map_err(|error| of_store(&error))? {
            tracing::warn!(order_id, ?first, later = ?outcome, "the order was closed before and stays as it is");
        }
        Ok(())
    }
}

/// One note for each ignored decision, and one for those that were only counted.
fn ignored_notes(record: &IgnoredRecord, owner: Option<&Owner>) -> Vec<Note> {
    let mut seen = HashMap::new();
    let mut notes: Vec<_> = record
        .ignored
        .iter()
        .map(|ignored| {
            // Equal decisions of the same moment are told apart by their number.
            let key = format!("ignored:{}:{}:{}", ignored.at, ignored.decision, ignored.by);
            let number: &mut u32 = seen.entry(key.clone()).or_default();
            *number += 1;
            let dedup = format!("{key}:{number}");
            Note { kind: "decisionIgnored", detail: json!(ignored), dedup }
        })
        .collect();
    if record.total as usize > record.ignored.len() {
        let run = owner.map_or("", |owner| owner.run_id.as_str());
        notes.push(Note {
            kind: "decisionsIgnored",
            detail: json!({"total": record.total}),
            dedup: format!("ignoredTotal:{run}:{}", record.total),
        });
    }
    notes
}
