//! The activities: everything Keel does outside its workflows.
//!
//! The store is the record of every order. The crate knows nothing of workflows; it implements the contracts of
//! `keel-types`.

pub mod store;
