//! What comes out of a look.

use serde::Serialize;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// More workers.
    Out,
    /// One worker fewer.
    In,
    /// As many as there are.
    Hold,
    /// As many as there are, since somebody else changes them.
    Pause,
}

impl Direction {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Out, Self::In, Self::Hold, Self::Pause];

    /// The word for people and in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
            Self::Hold => "hold",
            Self::Pause => "pause",
        }
    }
}

/// How many workers there shall be, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Which way.
    pub direction: Direction,
    /// How many; none while nobody knows how many there are.
    pub wanted: Option<usize>,
    /// For people.
    pub reason: String,
}

impl Decision {
    pub(super) fn hold(replicas: usize, reason: String) -> Self {
        Self { direction: Direction::Hold, wanted: Some(replicas), reason }
    }

    pub(super) fn r#in(wanted: usize, reason: String) -> Self {
        Self { direction: Direction::In, wanted: Some(wanted), reason }
    }
}
