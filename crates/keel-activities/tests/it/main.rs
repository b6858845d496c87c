//! The store on both databases, and the activities against the real sandbox.

mod activities;
mod store;
mod support;
