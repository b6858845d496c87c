//! The activities: everything Keel does outside its workflows.
//!
//! The store is the record of every order, the providers are asked over HTTP, datasets are read from disk. Each activity
//! may run more than once, so each has one effect however often it is tried. CPU work and file access never run on the
//! async threads. The crate knows nothing of workflows; it implements the contracts of `keel-types`.
//!
//! Start reading in [`order`] (the activities), then [`store`] (the rules that keep them safe), [`provider`] and
//! [`dataset`].

pub mod count;
pub mod dataset;
pub mod gate;
pub mod order;
pub mod provider;
pub mod store;

mod failure;

pub use failure::worker_stopping;
