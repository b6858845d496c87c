//! The types of other projects' kinds, written from their documented schemas; those fields that somebody may reasonably use.

pub mod keda;
pub mod monitoring;
pub mod temporal;
