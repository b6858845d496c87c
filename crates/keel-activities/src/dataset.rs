//! The dataset pipeline: order lines in CSV become sums, a list of rejected rows, a report and a manifest.
//!
//! [`engine`] reads a file of any size in constant memory on any number of threads, survives interruptions through
//! [`checkpoint`]s, and always writes the same bytes for the same input. [`DatasetActivities`] is the thin layer that
//! makes activities of it. Nothing below that layer knows Temporal.
//!
//! Start reading in `segment`, which holds the idea that everything rests on.

mod activities;
mod aggregate;
mod batch;
pub mod checkpoint;
mod columns;
pub mod engine;
mod error;
mod files;
mod key;
mod manifest;
mod options;
mod output;
mod pace;
mod rejects;
mod report;
mod row;
mod running;
mod segment;
mod source;
mod split;
mod steps;
mod summary;
mod time;

pub use activities::DatasetActivities;
pub use aggregate::Dimension;
pub use error::DatasetError;
pub use files::Layout;
pub use options::DatasetOptions;
pub use output::{AGGREGATES, MANIFEST, REJECTS, REPORT, SUMMARY};
pub(crate) use running::running;

#[cfg(test)]
mod tests;
