//! The audit: one row for every change, appended in the transaction of the change.

use serde_json::Value;

use super::head::{claim, lock, now};
use crate::store::engine::{OpError, Tx, args};
use crate::store::record::{Note, Owner};

/// Appends a row. One with a `dedup` key that is already there is left out. The caller holds the order's
/// lock, which keeps the numbers without gaps.
pub(super) async fn append(
    tx: &mut dyn Tx,
    order_id: &str,
    kind: &str,
    detail: &Value,
    dedup: Option<&str>,
) -> Result<(), OpError> {
    let sql = "INSERT INTO order_events (order_id, seq, kind, detail, at, dedup) \
         SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4, $5 FROM order_events WHERE order_id = $1 \
         ON CONFLICT (order_id, dedup) DO NOTHING";
    tx.execute(sql, args![order_id, kind, &detail.to_string(), &now(), dedup]).await?;
    Ok(())
}

/// Appends notes that change no state.
pub(super) async fn note(
    tx: &mut dyn Tx,
    order_id: &str,
    notes: &[Note],
    owner: Option<&Owner>,
) -> Result<(), OpError> {
    let head = lock(tx, order_id).await?;
    // A run that finds its order final may still tell what it saw.
    if !head.status.is_final() {
        claim(tx, &head, owner, None).await?;
    }
    for note in notes {
        append(tx, order_id, note.kind, &note.detail, Some(&note.dedup)).await?;
    }
    Ok(())
}
