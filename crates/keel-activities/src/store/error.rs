//! What can go wrong in the store: refusals, which are answers, and faults, which pass.

use keel_types::failure::FailureType;
use keel_types::order::excerpt;
use keel_types::state::{OrderStatus, SagaStep};

use super::record::{Owner, StepState};

/// A result of the store.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why an operation on the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store understood and refused; trying again gets the same answer.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database is away, slow or refuses the statement; trying again may help.
    #[error("{operation} failed in the store at {store}: check the database and `store.url`")]
    Unavailable {
        /// What was tried.
        operation: &'static str,
        /// The store's URL without secrets.
        store: String,
        /// What the database says.
        #[source]
        source: Box<sqlx::Error>,
    },
    /// The operation took longer than `store.statement_timeout`; whether it happened is unknown until it is
    /// tried again.
    #[error(
        "{operation} took too long in the store at {store}: check the database, or raise `store.statement_timeout`"
    )]
    TimedOut {
        /// What was tried.
        operation: &'static str,
        /// The store's URL without secrets.
        store: String,
    },
    /// A stored value cannot be read.
    #[error("{operation} found a damaged row in the store at {store}: {what}")]
    Damaged {
        /// What was tried.
        operation: &'static str,
        /// The store's URL without secrets.
        store: String,
        /// The value and where it is.
        what: String,
    },
}

/// Why the store could not be opened. The message names the store without secrets and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL names no store.
    #[error("store.url: {0}")]
    Url(String),
    /// The folder of the SQLite file cannot be created.
    #[error("cannot create the folder {path} for the store: check its permissions or change `store.url`")]
    Folder {
        /// The folder.
        path: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The database does not answer.
    #[error("cannot open the store at {store}: check that it runs and that `store.url` is right")]
    Open {
        /// The store's URL without secrets.
        store: String,
        /// What the database says.
        #[source]
        source: Box<sqlx::Error>,
    },
    /// The tables cannot be brought up to date.
    #[error("cannot migrate the store at {store}: an older program may not open a newer store")]
    Migrate {
        /// The store's URL without secrets.
        store: String,
        /// What failed.
        #[source]
        source: Box<sqlx::migrate::MigrateError>,
    },
}

/// A refusal of the store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such order.
    #[error("order `{}` is not in the store: check the id, or start with the whole order", excerpt(.order_id))]
    NotFound {
        /// The order.
        order_id: String,
    },
    /// An order with this id and other content exists.
    #[error("order {order_id} is already stored with another content: a changed order needs a new id")]
    Different {
        /// The order.
        order_id: String,
    },
    /// SKUs the inventory does not list.
    #[error("order {order_id} names unknown SKUs: {}", shorten(.skus))]
    UnknownSkus {
        /// The order.
        order_id: String,
        /// The SKUs, sorted.
        skus: Vec<String>,
    },
    /// Another workflow or a newer run owns the order.
    #[error("order {order_id} belongs to workflow {} (run {}): use that one", .holder.workflow_id, .holder.run_id)]
    Held {
        /// The order.
        order_id: String,
        /// Who owns it.
        holder: Owner,
    },
    /// The order is final.
    #[error("order {order_id} is already closed as {status}: {what} is refused")]
    Closed {
        /// The order.
        order_id: String,
        /// Its final status.
        status: OrderStatus,
        /// The activity that came too late.
        what: &'static str,
    },
    /// The step was undone or refused and can never be done.
    #[error("{}", .note.clone().unwrap_or_else(|| format!(
        "{step} of order {order_id} was undone and cannot be done again: place a new order")))]
    Undone {
        /// The order.
        order_id: String,
        /// The step.
        step: SagaStep,
        /// Why it was refused, if it was.
        note: Option<String>,
    },
    /// The stock does not cover the order; nothing is reserved.
    #[error("{0}")]
    OutOfStock(String),
    /// A step that must be done before `processApprovedOrder` is not.
    #[error("order {order_id} cannot be completed: {step} is {}", .state.map_or("not done", StepState::as_str))]
    NotReady {
        /// The order.
        order_id: String,
        /// The missing step.
        step: SagaStep,
        /// Where it stands.
        state: Option<StepState>,
    },
}

impl Refusal {
    /// The failure type people see.
    #[must_use]
    pub const fn failure_type(&self) -> FailureType {
        match self {
            Self::NotFound { .. } => FailureType::OrderNotFound,
            Self::Different { .. } | Self::UnknownSkus { .. } => FailureType::OrderInvalid,
            Self::Held { .. } => FailureType::OrderInProgress,
            Self::Closed { .. } => FailureType::OrderCancelled,
            Self::OutOfStock(_) => FailureType::OutOfStock,
            Self::Undone { step, .. } | Self::NotReady { step, .. } => refusal_of(*step),
        }
    }
}

/// The failure type of a step that was refused for good.
#[must_use]
pub const fn refusal_of(step: SagaStep) -> FailureType {
    match step {
        SagaStep::ReserveInventory => FailureType::OutOfStock,
        SagaStep::ChargePayment => FailureType::PaymentDeclined,
        SagaStep::BookShipment => FailureType::ShipmentRefused,
        SagaStep::ProcessApprovedOrder => FailureType::OrderCancelled,
    }
}

/// At most ten names and how many more there are.
fn shorten(names: &[String]) -> String {
    const MOST: usize = 10;
    let shown = names.iter().take(MOST).map(|name| excerpt(name)).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
