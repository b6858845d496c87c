//! The figures that a plan is made of, each with where it comes from. `docs/scaling.md` explains them; change them when a
//! measurement on your own machines says otherwise.

/// Where a figure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Measured with this repository, on two cores.
    Measured,
    /// Counted in a stored history of a released version.
    Counted,
    /// Taken for granted; measure it.
    Assumed,
    /// Made of the others.
    Derived,
}

/// CPU of the worker for an order, in milliseconds: `cargo xtask bench orders`.
pub const WORKER_MS_PER_ORDER: f64 = 14.5;
/// CPU of the worker for a task, in milliseconds: a bare worker's 7.7, times the 2.1 that Keel costs at most over one.
pub const WORKER_MS_PER_TASK: f64 = 16.2;
/// Dataset bytes a second on one core: 484 MB/s, decision 004.
pub const DATASET_BYTES_PER_CORE: f64 = 484e6;
/// CPU of the Temporal server for an order and for a task, in milliseconds: `cargo xtask bench orders`, one process with its
/// store in memory.
pub const SERVER_MS_PER_ORDER: f64 = 25.0;
/// See [`SERVER_MS_PER_ORDER`].
pub const SERVER_MS_PER_TASK: f64 = 36.0;
/// Peak resident memory of a worker with 50 orders in flight, in MB, what the SDK keeps of 20,000 activities included.
pub const WORKER_MB: f64 = 39.0;
/// Memory of a dataset run, in MB: 22 measured with few keys, the rest for a million distinct ones.
pub const DATASET_MB: f64 = 128.0;

/// Workflow tasks, activities and writes of one approved order, counted in `order-approved.json`.
pub const ORDER: Shape =
    Shape { workflow_tasks: 7, activities: 4, local_batches: 2, timers: 1, signals: 1, upserts: 3 };
/// The same of a task, counted in `task-completed.json`.
pub const TASK: Shape =
    Shape { workflow_tasks: 6, activities: 5, local_batches: 0, timers: 0, signals: 0, upserts: 6 };

/// Transactions of the store for one order: decision 005.
pub const TRANSACTIONS_PER_ORDER: f64 = 8.0;

/// How long a workflow task holds its slot, its local activities included, in seconds.
pub const WORKFLOW_TASK_SECONDS: f64 = 0.05;
/// How long an activity that calls nobody holds its slot, in seconds.
pub const OWN_ACTIVITY_SECONDS: f64 = 0.05;
/// How long a transaction holds its connection, in seconds.
pub const TRANSACTION_SECONDS: f64 = 0.005;
/// Memory of a run that waits in the cache, in KB.
pub const CACHED_RUN_KB: f64 = 10.0;
/// How long a task is open besides its dataset, in seconds.
pub const TASK_SECONDS: f64 = 10.0;
/// Tasks that one poll fetches in a second: 20 ms for the way there and back.
pub const TASKS_PER_POLLER: f64 = 50.0;
/// Writes a second of one shard that leave its lock mostly free: a quarter of what 5 ms a write allow.
pub const WRITES_PER_SHARD: f64 = 50.0;

/// Slots of each kind and connections by default.
pub const SLOTS: u64 = 100;
/// `worker.max_cached_workflows`.
pub const CACHED: u64 = 1000;
/// More waiting runs than this one worker does not keep: 200 MB.
pub const MOST_CACHED: u64 = 20_000;
/// `payments.max_in_flight` and `courier.max_in_flight`.
pub const IN_FLIGHT: u64 = 24;
/// Polls of each kind by default.
pub const POLLERS: u64 = 5;
/// `store.max_connections`.
pub const CONNECTIONS: u64 = 16;
/// PostgreSQL's own `max_connections` unless set.
pub const POSTGRES_CONNECTIONS: u64 = 100;
/// The fewest and most history shards that make sense for one cluster.
pub const SHARDS: (u64, u64) = (512, 16_384);
/// Actions a second that a namespace of Temporal Cloud has without asking.
pub const CLOUD_ACTIONS: f64 = 500.0;

/// What one run asks of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Workflow tasks.
    pub workflow_tasks: u32,
    /// Activities that go through the server.
    pub activities: u32,
    /// Markers of local activities.
    pub local_batches: u32,
    /// Timers started.
    pub timers: u32,
    /// Signals or updates.
    pub signals: u32,
    /// Changes of search attributes.
    pub upserts: u32,
}

impl Shape {
    /// What Temporal Cloud counts as actions, the start included.
    pub fn actions(self) -> f64 {
        f64::from(1 + self.activities + self.local_batches + self.timers + self.signals + self.upserts)
    }

    /// Writes to the run's history shard: the start, two for each task of either kind, one for each signal.
    pub fn writes(self) -> f64 {
        f64::from(1 + 2 * (self.workflow_tasks + self.activities) + self.signals)
    }

    /// Tasks that pollers fetch.
    pub fn tasks(self) -> f64 {
        f64::from(self.workflow_tasks + self.activities)
    }
}
