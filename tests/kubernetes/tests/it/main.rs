//! The manifests as they are, and what happens to mistakes in them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod alerts;
mod mistakes;
mod overlays;
mod program;
