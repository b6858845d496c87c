//! The steps of fulfilment and what undoes them.
//!
//! A step at a provider is marked before and after: the mark before tells a later run that there may be
//! something to undo, the mark after saves the call. Between the two only the provider knows, and its
//! idempotency key finds out.

use keel_types::state::SagaStep;
use temporalio_sdk::activities::ActivityError;

use super::OrderActivities;
use super::failing::{of_provider, of_store};
use crate::failure::chain;
use crate::provider::ProviderError;
use crate::store::{Begin, Owner, Undo};

impl OrderActivities {
    pub(super) async fn reserve(&self, order_id: &str, owner: Option<Owner>) -> Result<(), ActivityError> {
        self.store.reserve(order_id, owner.as_ref()).await.map_err(|error| of_store(&error))
    }

    pub(super) async fn charge(&self, order_id: &str, owner: Option<Owner>) -> Result<(), ActivityError> {
        let step = SagaStep::ChargePayment;
        match self.begin(order_id, step, owner).await? {
            Begin::Do(order) => self.finish(order_id, step, self.payments.charge(&order).await).await,
            Begin::Done => Ok(()),
        }
    }

    pub(super) async fn book(&self, order_id: &str, owner: Option<Owner>) -> Result<(), ActivityError> {
        let step = SagaStep::BookShipment;
        match self.begin(order_id, step, owner).await? {
            Begin::Do(order) => self.finish(order_id, step, self.courier.book(&order).await).await,
            Begin::Done => Ok(()),
        }
    }

    pub(super) async fn complete(&self, order_id: &str, owner: Option<Owner>) -> Result<(), ActivityError> {
        self.store.complete(order_id, owner.as_ref()).await.map_err(|error| of_store(&error))
    }

    pub(super) async fn release(&self, order_id: &str, owner: Option<Owner>) -> Result<(), ActivityError> {
        let undo = self.store.release(order_id, owner.as_ref()).await.map_err(|error| of_store(&error))?;
        warn_if_kept(undo, order_id, SagaStep::ReserveInventory);
        Ok(())
    }

    pub(super) async fn refund(&self, order_id: &str, owner: Option<Owner>) -> Result<(), ActivityError> {
        let step = SagaStep::ChargePayment;
        match self.begin_undo(order_id, step, owner).await? {
            Undo::Do => self.finish_undo(order_id, step, self.payments.refund(order_id).await).await,
            Undo::Done | Undo::Kept => Ok(()),
        }
    }

    pub(super) async fn cancel(&self, order_id: &str, owner: Option<Owner>) -> Result<(), ActivityError> {
        let step = SagaStep::BookShipment;
        match self.begin_undo(order_id, step, owner).await? {
            Undo::Do => self.finish_undo(order_id, step, self.courier.cancel(order_id).await).await,
            Undo::Done | Undo::Kept => Ok(()),
        }
    }

    async fn begin(
        &self,
        order_id: &str,
        step: SagaStep,
        owner: Option<Owner>,
    ) -> Result<Begin, ActivityError> {
        self.store.begin_step(order_id, step, owner.as_ref()).await.map_err(|error| of_store(&error))
    }

    async fn finish(
        &self,
        order_id: &str,
        step: SagaStep,
        answer: Result<String, ProviderError>,
    ) -> Result<(), ActivityError> {
        match answer {
            Ok(reference) => {
                self.store.finish_step(order_id, step, &reference).await.map_err(|error| of_store(&error))
            }
            Err(error) => {
                if matches!(error, ProviderError::Refused { .. }) {
                    let note = chain(&error);
                    self.store.refuse_step(order_id, step, &note).await.map_err(|error| of_store(&error))?;
                }
                Err(of_provider(step, &error))
            }
        }
    }

    async fn begin_undo(
        &self,
        order_id: &str,
        step: SagaStep,
        owner: Option<Owner>,
    ) -> Result<Undo, ActivityError> {
        let undo = self.store.begin_undo(order_id, step, owner.as_ref()).await;
        let undo = undo.map_err(|error| of_store(&error))?;
        warn_if_kept(undo, order_id, step);
        Ok(undo)
    }

    async fn finish_undo(
        &self,
        order_id: &str,
        step: SagaStep,
        answer: Result<String, ProviderError>,
    ) -> Result<(), ActivityError> {
        let reference = answer.map_err(|error| of_provider(step, &error))?;
        self.store.finish_undo(order_id, step, &reference).await.map_err(|error| of_store(&error))
    }
}

fn warn_if_kept(undo: Undo, order_id: &str, step: SagaStep) {
    if undo == Undo::Kept {
        tracing::warn!(order_id, %step, "the order is completed: the step stays done and is not undone");
    }
}
