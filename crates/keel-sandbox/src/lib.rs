//! The sandbox: one small HTTP server that plays the payment provider and the courier.
//!
//! It is for demos, tests and drills; it never talks to anything else and holds no real money. It keeps two
//! promises a real provider makes: one `Idempotency-Key` has one effect, and a refund or cancellation that
//! comes first makes the late charge or booking a refusal. A journal shows what it was asked; faults make it
//! slow, wrong or absent.
//!
//! Start reading in [`ledger`] (the rules), then [`http`] (the protocol) and [`fault`].

pub mod ask;
pub mod fault;
pub mod http;
pub mod journal;
pub mod ledger;
pub mod protocol;
pub mod serve;
pub mod state;

pub use http::app;
pub use serve::serve;
pub use state::{Caller, Sandbox, StateError};
