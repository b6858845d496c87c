//! Holds `deploy/kubernetes` to the types of its documents and to the worker that is to run there, without a cluster.
//!
//! Every overlay is rendered by the real Kustomize, each document is read into the type of its kind with unknown fields
//! refused, and the whole is checked for what the API server would accept and nobody would notice until the night it
//! matters. Settings are judged by the real `keel-worker`. It depends on no crate of the workspace.
//!
//! Start at [`check_all`].

pub mod checks;
pub mod crds;
pub mod documents;
pub mod outside;
pub mod pods;
pub mod render;
pub mod worker;

pub use documents::{Documents, Object};

/// Everything that is wrong with a rendered overlay, as far as its own documents show; empty when nothing is.
///
/// What only the worker itself can say is in [`worker`].
pub fn check_all(documents: &Documents) -> Vec<String> {
    [
        checks::selectors::check,
        checks::references::check,
        checks::ports::check,
        checks::security::check,
        checks::images::check,
        checks::network::check,
        checks::scaling::check,
    ]
    .into_iter()
    .flat_map(|check| check(documents))
    .collect()
}
