//! What is known of the fleet at one moment.

use serde::Serialize;

/// One kind of tasks of the current build.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// `workflow` or `activity`.
    pub kind: String,
    /// Tasks that wait, without those of sticky queues.
    pub backlog: f64,
    /// How long the oldest has waited, in seconds.
    pub age: f64,
    /// Tasks added a second, over the server's last half minute.
    pub add_rate: f64,
    /// Tasks handed out a second, likewise.
    pub dispatch_rate: f64,
}

/// Slots of one kind over all workers of the current build.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Slots {
    /// The most that were in use at once within the last minute.
    pub used: f64,
    /// All there are.
    pub total: f64,
}

/// The current build at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    /// Containers that run.
    pub replicas: usize,
    /// Workers that say of themselves that they are ready. Not the server's pollers: it counts those for 70 s after
    /// they left.
    pub ready: usize,
    /// What waits for it.
    pub loads: Vec<Load>,
    /// Its slots by kind; empty where nobody can tell.
    pub slots: Vec<Slots>,
}

impl Fleet {
    /// How long the oldest task of any kind has waited, in seconds.
    pub fn age(&self) -> f64 {
        self.loads.iter().map(|load| load.age).fold(0.0, f64::max)
    }

    /// Tasks of all kinds that wait.
    pub fn backlog(&self) -> f64 {
        self.loads.iter().map(|load| load.backlog).sum()
    }
}

/// What a look found.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    /// Fresh figures.
    Fleet(Fleet),
    /// Nobody can tell how the fleet is, and why.
    Unknown(String),
    /// It is not ours to change now, and why.
    Paused(String),
}
