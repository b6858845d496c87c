//! The providers: payments and courier, asked over HTTP.
//!
//! Every call carries an idempotency key, so it may be repeated at any time. A refusal is an answer;
//! everything else that is not the protocol is a fault. A provider that keeps failing is left alone for a while, and a
//! slow one can hold only so many calls: see `docs/resilience.md`.

mod breaker;
mod bulkhead;
mod courier;
mod error;
mod guard;
mod health;
mod http;
mod jitter;
mod meters;
mod options;
mod payment;
mod trace;

pub use breaker::{BreakerOptions, CircuitState, Counts};
pub use courier::CourierClient;
pub use error::{BuildError, ProviderError};
pub use health::{ProviderHealth, ProviderSnapshot};
pub use options::{ProviderOptions, ProviderUrl};
pub use payment::PaymentClient;

use options::without_credentials;
