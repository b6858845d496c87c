//! Layered settings: built-in defaults, then a file, then a profile of `temporal.toml`, then the environment, then
//! flags.
//!
//! [`load`] composes them and reports every mistake at once, each with its key and where it came from. The crate knows
//! how settings are found and merged, and the one section every program shares ([`TemporalSection`]); all other
//! sections live with the code that reads them. It never reads the process environment behind the caller's back
//! (only [`Sources::from_process`] does) and never prints the value of a secret.
//!
//! Start reading in [`sources`], then [`load`](mod@load).

pub mod load;
pub mod origin;
pub mod print;
pub mod problems;
pub mod secret;
pub mod sources;
pub mod temporal;

pub use load::{Loaded, Settings, load, load_traced};
pub use origin::Origins;
pub use problems::ConfigProblems;
pub use sources::Sources;
pub use temporal::{TemporalSection, TlsSection};
