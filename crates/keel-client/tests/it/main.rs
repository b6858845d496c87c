//! The real `keel` binary: usage and files without a server, and everything that needs no worker on a real one.

mod config;
mod doctor;
mod files;
mod server;
mod support;
mod usage;
mod why;
