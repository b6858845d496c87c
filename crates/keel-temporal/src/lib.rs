//! The one way to connect to Temporal.
//!
//! [`connect`] turns the section `[temporal]` into a client that is known to work: the address resolves and answers,
//! TLS and credentials are accepted, the namespace exists. When one of these is not so, [`ConnectError`] says which
//! one and what to do. The crate never retries beyond the wait it is given and never prints a credential.
//!
//! Start reading in [`connect`](mod@connect).

pub mod attributes;
pub mod connect;
mod error;
pub mod instruments;
mod options;
mod probe;

pub use attributes::{SearchAttributesError, check_search_attributes};
pub use connect::{Wait, connect, explain, install_crypto_provider};
pub use error::ConnectError;
pub use instruments::Instruments;
