//! The wire contract of Keel: everything that crosses a process boundary.
//!
//! Names, inputs, outputs, failure types and activity contracts live here and nowhere else, so that a client or a
//! worker written with another Temporal SDK can be held against one place. The crate knows nothing of workflows,
//! activities, stores or configuration; it must stay free of I/O.
//!
//! Start reading in [`names`] (the table of the contract), then [`order`], [`progress`] and [`failure`].

pub mod activity;
pub mod dataset;
pub mod decision;
pub mod failure;
pub mod gate;
pub mod input;
pub mod money;
pub mod names;
pub mod order;
pub mod progress;
pub mod state;
pub mod task;
pub mod workflow;
