//! Metrics of the front (`keel fleet serve`), as they stand in its `/metrics`. `docs/metrics.md` explains each under a
//! heading of its own. Label `build_id` is a build or `unversioned`, `queue` a task queue, `kind` is `workflow` or
//! `activity`. Builds that the server has forgotten lose their series.

/// Gauge: 1 while the front reaches the server, else 0.
pub const SERVER_UP: &str = "keel_fleet_server_up";
/// Gauge: 1 for the build that new runs go to. Labels `deployment`, `build_id`.
pub const CURRENT_INFO: &str = "keel_fleet_current_info";
/// Gauge: share of new runs, 0 to 100, that goes to a build that is being tried. Labels `deployment`, `build_id`.
pub const RAMP_PERCENT: &str = "keel_fleet_ramp_percent";
/// Gauge: always 1; where a build stands. Labels `build_id`, `status`.
pub const VERSION_INFO: &str = "keel_fleet_version_info";
/// Gauge: runs of a build that have not ended. Label `build_id`.
pub const OPEN_RUNS: &str = "keel_fleet_open_runs";
/// Gauge: workers that poll. Labels `build_id`, `queue`, `kind`.
pub const POLLERS: &str = "keel_fleet_pollers";
/// Gauge: tasks that wait, about. Labels `build_id`, `queue`, `kind`.
pub const BACKLOG: &str = "keel_fleet_backlog";
/// Gauge: how long the oldest of them has waited. Labels `build_id`, `queue`, `kind`.
pub const BACKLOG_AGE_SECONDS: &str = "keel_fleet_backlog_age_seconds";
/// Gauge: tasks added a second. Labels `build_id`, `queue`, `kind`.
pub const ADD_RATE: &str = "keel_fleet_add_rate";
/// Gauge: tasks handed out a second. Labels `build_id`, `queue`, `kind`.
pub const DISPATCH_RATE: &str = "keel_fleet_dispatch_rate";
/// Gauge: 1 while a worker says it is ready, else 0. Label `build_id`, `instance`.
pub const WORKER_READY: &str = "keel_fleet_worker_ready";
