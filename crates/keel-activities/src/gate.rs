//! The activities of the rollout gate: what this worker needs for its work is there. Neither changes anything.
#![allow(missing_docs, reason = "the macro's markers do not take over the docs of the methods")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keel_types::activity as contract;
use keel_types::failure::FailureType;
use keel_types::gate::Witness;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::failure::{application, chain};
use crate::store::Store;

/// The gate's activities over what the worker of this process uses.
#[derive(Debug)]
pub struct GateActivities {
    store: Arc<dyn Store>,
    data_dir: PathBuf,
    witness: Witness,
}

impl GateActivities {
    /// Activities that look at `store` and `data_dir`, and answer for a worker of `build_id` that polls as `identity`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, data_dir: &Path, build_id: &str, identity: &str) -> Self {
        let witness = Witness { build_id: build_id.to_owned(), identity: identity.to_owned() };
        Self { store, data_dir: data_dir.to_owned(), witness }
    }
}

#[activities]
impl GateActivities {
    /// Asks the store whether it answers.
    ///
    /// Key: none, it changes nothing. Timeout: short. Retried: `STORE_UNAVAILABLE`.
    #[activity(definition = contract::GateStore)]
    pub async fn gate_store(
        self: Arc<Self>,
        _: ActivityContext,
        _: String,
    ) -> Result<Witness, ActivityError> {
        match self.store.ping().await {
            Ok(()) => Ok(self.witness.clone()),
            Err(error) => Err(application(FailureType::StoreUnavailable, chain(&error))),
        }
    }

    /// Looks whether the data directory and its datasets can be read.
    ///
    /// Key: none, it changes nothing. Timeout: short. Retried: `DATASET_IO`.
    #[activity(definition = contract::GateData)]
    pub async fn gate_data(self: Arc<Self>, _: ActivityContext, _: String) -> Result<Witness, ActivityError> {
        let folder = self.data_dir.join("datasets");
        match tokio::fs::read_dir(&folder).await {
            Ok(_) => Ok(self.witness.clone()),
            Err(error) => {
                let what = format!("cannot read {}; check dataset.data_dir: {error}", folder.display());
                Err(application(FailureType::DatasetIo, what))
            }
        }
    }
}
