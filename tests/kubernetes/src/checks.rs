//! What is held against the documents of an overlay, one subject a file. Each returns what is wrong, with where.

pub mod images;
pub mod network;
pub mod ports;
pub mod references;
pub mod scaling;
pub mod security;
pub mod selectors;
