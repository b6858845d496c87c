//! Orders: placing them, deciding on them, looking at them.

mod list;

use std::time::Duration;

use futures::StreamExt;
use keel_types::decision::DecideRequest;
use keel_types::input::OrderInput;
use keel_types::order::Order;
use keel_types::state::{OrderState, OrderStatus};
use keel_types::workflow::{Approve, Decide, GetState, InteractiveOrder, Reject};
use serde::Serialize;
use sha2::{Digest, Sha256};
use temporalio_client::{
    WorkflowExecuteUpdateOptions, WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowListOptions,
    WorkflowSignalOptions, WorkflowStartOptions,
};
use temporalio_common::search_attributes::SearchAttributes;
use temporalio_common::{MemoValues, SignalDefinition};

use crate::caller::{CUSTOMER_ID, Caller, ORDER_HASH, ORDER_STATUS};
use crate::error::{Attempt, CallError};
use crate::run::{Outcome, RunInfo};
use crate::subject::{Kind, Subject};
use crate::watch::Watch;

pub use list::{OrderFilter, OrderRow};

const SHOW_QUERY_LIMIT: Duration = Duration::from_secs(5);

/// Calls about orders.
#[derive(Clone, Debug)]
pub struct Orders {
    caller: Caller,
}

/// What became of a submission.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Submission {
    /// The order.
    pub order_id: String,
    /// The workflow id.
    pub workflow_id: String,
    /// The run that handles or handled it.
    pub run_id: String,
    /// Whether it was started now, runs already, or ended before.
    pub result: Submitted,
    /// How it ended, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// The three ways a submission can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Submitted {
    /// A run was started.
    Started,
    /// A run handles the order already; nothing was started.
    AlreadyRunning,
    /// The order ended before; nothing was started.
    AlreadyFinished,
}

/// Everything known of an order.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    /// The order.
    pub order_id: String,
    /// Where it stands: from the workflow, or else from the search attribute, which may lag by a moment. Once the run
    /// is closed, how it ended decides: `terminated` and `timedOut` are possible then.
    pub status: Option<String>,
    /// What the server says.
    pub run: RunInfo,
    /// What the workflow says; absent when no worker answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<OrderState>,
    /// How the run ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Where this comes from: `worker`, or `server` when no worker answered.
    pub source: &'static str,
}

impl Orders {
    /// Calls through `caller`.
    #[must_use]
    pub const fn new(caller: Caller) -> Self {
        Self { caller }
    }

    /// Places an order, by id or whole. An order that is there already is found, not placed twice; one that ended is
    /// run again only if `again` is set (the workflow then ends at once with the recorded outcome).
    ///
    /// # Errors
    /// [`CallError::OtherContent`] if the order was placed before with another content; other [`CallError`]s when the
    /// server does not take it, or lacks the search attributes.
    pub async fn submit(&self, input: OrderInput, again: bool) -> Result<Submission, CallError> {
        let order_id = input.order_id().unwrap_or_default().to_owned();
        let subject = Subject::new(Kind::Order, &order_id);
        let workflow_id = subject.workflow_id();
        let reuse = if again {
            WorkflowIdReusePolicy::AllowDuplicate
        } else {
            WorkflowIdReusePolicy::RejectDuplicate
        };
        let hash = content_hash(&input);
        let mut memo = MemoValues::new();
        if let Some(hash) = &hash {
            memo.insert(ORDER_HASH, hash.clone());
        }
        let options = WorkflowStartOptions::new(self.caller.task_queue(), &workflow_id)
            // Both policies answer "already there", and the description says which case it is.
            .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
            .id_reuse_policy(reuse)
            .static_summary(summary(&input))
            .search_attributes(attributes(&input))
            .maybe_memo(hash.is_some().then_some(memo))
            .rpc_options(self.caller.rpc())
            .build();
        if let Some(run_id) = self.caller.start(&subject, InteractiveOrder, input, options).await? {
            let result = Submitted::Started;
            return Ok(Submission { order_id, workflow_id, run_id, result, outcome: None });
        }
        let run = self.caller.describe::<InteractiveOrder>(&subject).await?;
        // An order placed by its id, or by another client, carries no hash: there is nothing to compare with.
        if hash.zip(run.order_hash.as_ref()).is_some_and(|(ours, theirs)| ours != *theirs) {
            return Err(CallError::OtherContent { subject });
        }
        let (result, outcome) = if run.status.is_closed() {
            let outcome = self.caller.outcome::<InteractiveOrder>(&subject).await?;
            (Submitted::AlreadyFinished, Some(outcome))
        } else {
            (Submitted::AlreadyRunning, None)
        };
        Ok(Submission { order_id, workflow_id, run_id: run.run_id, result, outcome })
    }

    /// Sends the signal `approve`. It is recorded even without a worker; whether it decides is the workflow's say.
    ///
    /// # Errors
    /// [`CallError::Unknown`] or [`CallError::Closed`] if no run takes it; others when the server does not answer.
    pub async fn approve(&self, order_id: &str, by: &str) -> Result<(), CallError> {
        self.signal(order_id, "approve", Approve, by).await
    }

    /// Sends the signal `reject`; see [`Orders::approve`].
    ///
    /// # Errors
    /// As for [`Orders::approve`].
    pub async fn reject(&self, order_id: &str, reason: &str) -> Result<(), CallError> {
        self.signal(order_id, "reject", Reject, reason).await
    }

    /// Decides with an answer: the new state, or the reason of the refusal.
    ///
    /// # Errors
    /// [`CallError::Refused`] if the workflow refuses; [`CallError::Closed`] if the order has ended; [`CallError::NoAnswer`] if no worker takes the decision in time
    /// (it may still be taken later); others when there is no such run or no server.
    pub async fn decide(&self, order_id: &str, request: DecideRequest) -> Result<OrderState, CallError> {
        let subject = Subject::new(Kind::Order, order_id);
        let options = WorkflowExecuteUpdateOptions::builder().rpc_options(self.caller.rpc()).build();
        let handle = self.caller.handle::<InteractiveOrder>(&subject);
        let call = handle.execute_update(Decide, request, options);
        match self.caller.bounded_by_worker(Attempt::on("decide on", &subject), call).await {
            Ok(state) => Ok(state),
            Err(error) => Err(self.caller.explain::<InteractiveOrder>(&subject, error).await),
        }
    }

    /// Everything known of the order; without a worker, what the server knows.
    ///
    /// # Errors
    /// [`CallError::Unknown`] if there is no such order; other [`CallError`]s when the server does not answer.
    pub async fn view(&self, order_id: &str) -> Result<OrderView, CallError> {
        let subject = Subject::new(Kind::Order, order_id);
        let run = self.caller.describe::<InteractiveOrder>(&subject).await?;
        let outcome = match run.status.is_closed() {
            true => Some(self.caller.outcome::<InteractiveOrder>(&subject).await?),
            false => None,
        };
        let state = match self.caller.within(SHOW_QUERY_LIMIT).query(&subject, GetState).await {
            Ok(state) => Some(state),
            Err(CallError::NoAnswer { .. }) => None,
            Err(error) => return Err(error),
        };
        let reported = state.as_ref().map(|state| state.status.as_str()).or(run.order_status.as_deref());
        let status = run.status.order_status(reported);
        let source = if state.is_some() { "worker" } else { "server" };
        Ok(OrderView { order_id: order_id.to_owned(), status, run, state, outcome, source })
    }

    /// Follows the order until it ends.
    #[must_use]
    pub fn watch(&self, order_id: &str) -> Watch<GetState> {
        Watch::new(self.caller.clone(), Subject::new(Kind::Order, order_id), GetState)
    }

    /// Asks the order to stop; what was done is undone first.
    ///
    /// # Errors
    /// [`CallError::Unknown`] or [`CallError::Closed`] if nothing runs; others when the server does not answer.
    pub async fn cancel(&self, order_id: &str, reason: &str) -> Result<(), CallError> {
        let subject = Subject::new(Kind::Order, order_id);
        self.caller.cancel::<InteractiveOrder>(&subject, reason).await
    }

    /// Lists orders as the server sorts them: running ones first, each kind newest first. Visibility may lag behind by about a second.
    ///
    /// # Errors
    /// [`CallError`] when the server does not answer, or lacks the search attributes.
    pub async fn list(&self, filter: &OrderFilter) -> Result<Vec<OrderRow>, CallError> {
        let attempt = Attempt { doing: "list orders".to_owned(), subject: None };
        let options =
            WorkflowListOptions::builder().limit(filter.limit).rpc_options(self.caller.rpc()).build();
        let mut stream = self.caller.client().list_workflows(filter.query(), options);
        let collect = async {
            let mut rows = Vec::new();
            while let Some(execution) = stream.next().await {
                rows.push(OrderRow::of(&execution?));
            }
            Ok::<_, temporalio_client::errors::ClientError>(rows)
        };
        self.caller.bounded(attempt, collect).await
    }

    async fn signal<S>(&self, order_id: &str, verb: &str, signal: S, text: &str) -> Result<(), CallError>
    where
        S: SignalDefinition<Workflow = InteractiveOrder, Input = String>,
    {
        let subject = Subject::new(Kind::Order, order_id);
        let options = WorkflowSignalOptions::builder().rpc_options(self.caller.rpc()).build();
        let handle = self.caller.handle::<InteractiveOrder>(&subject);
        let call = handle.signal(signal, text.to_owned(), options);
        match self.caller.bounded(Attempt::on(verb, &subject), call).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.caller.explain::<InteractiveOrder>(&subject, error).await),
        }
    }
}

/// One line for the Temporal web page.
fn summary(input: &OrderInput) -> String {
    match input {
        OrderInput::Order(order) => {
            let Order { order_id, customer_id, currency, .. } = order;
            format!("Order {order_id} of {customer_id}, {} {currency} in minor units", order.total_minor())
        }
        other => format!("Order {}", other.order_id().unwrap_or_default()),
    }
}

/// A short hash of the content, the same however the file was written; `None` for an order that is placed by its id.
fn content_hash(input: &OrderInput) -> Option<String> {
    let OrderInput::Order(order) = input else { return None };
    // Through a `Value` the fields come in the order of the alphabet.
    let canonical = serde_json::to_value(order).ok()?.to_string();
    let digest = Sha256::digest(canonical.as_bytes());
    Some(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

fn attributes(input: &OrderInput) -> SearchAttributes {
    let status = ORDER_STATUS.value_set(OrderStatus::Pending.to_string());
    match input {
        OrderInput::Order(order) => {
            SearchAttributes::new([status, CUSTOMER_ID.value_set(order.customer_id.clone())])
        }
        _ => SearchAttributes::new([status]),
    }
}

#[cfg(test)]
mod tests {
    use keel_types::input::OrderInput;
    use keel_types::order::Order;
    use serde_json::json;

    use super::content_hash;

    #[test]
    fn the_hash_is_of_the_content_and_not_of_the_writing() {
        let hash = |quantity, extra: &str| {
            let text = format!(
                r#"{{{extra}"lines":[{{"unitPriceMinor":5,"quantity":{quantity},"sku":"S"}}],"currency":"EUR",
                    "customerId":"C","orderId":"O"}}"#
            );
            let value = serde_json::from_str(&text).unwrap();
            content_hash(&OrderInput::Order(Order::from_json(&value).unwrap())).unwrap()
        };
        let canonical = json!({"orderId": "O", "customerId": "C", "currency": "EUR",
            "lines": [{"sku": "S", "quantity": 1, "unitPriceMinor": 5}]});
        let canonical = content_hash(&OrderInput::Order(Order::from_json(&canonical).unwrap())).unwrap();
        assert_eq!((canonical.len(), hash(1, "")), (16, canonical.clone()));
        assert_eq!(hash(1, r#""color":"red","#), canonical);
        assert_ne!(hash(2, ""), canonical);
        assert_eq!(content_hash(&OrderInput::Id("O".to_owned())), None);
    }
}
