//! The activities: everything Keel does outside its workflows.
//!
//! The store is the record of every order, the providers are asked over HTTP, and each step of fulfilment has
//! one effect however often it is tried. The crate knows nothing of workflows; it implements the contracts of
//! `keel-types`.
//!
//! Start reading in [`order`] (the activities), then [`store`] (the rules that keep them safe) and
//! [`provider`].

pub mod order;
pub mod provider;
pub mod store;

mod failure;
