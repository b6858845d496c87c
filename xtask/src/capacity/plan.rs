//! From a load to numbers, each with its reason. Little's law throughout: what is held at once is the rate times how long
//! it is held.

use serde::Serialize;

use super::figures::{
    CACHED, CACHED_RUN_KB, CLOUD_ACTIONS, CONNECTIONS, DATASET_BYTES_PER_CORE, DATASET_MB, IN_FLIGHT,
    MOST_CACHED, ORDER, OWN_ACTIVITY_SECONDS, POLLERS, POSTGRES_CONNECTIONS, SERVER_MS_PER_ORDER,
    SERVER_MS_PER_TASK, SHARDS, SLOTS, Source, TASK, TASK_SECONDS, TASKS_PER_POLLER, TRANSACTION_SECONDS,
    TRANSACTIONS_PER_ORDER, WORKER_MB, WORKER_MS_PER_ORDER, WORKER_MS_PER_TASK, WORKFLOW_TASK_SECONDS,
    WRITES_PER_SHARD,
};
use super::load::{Load, shown};

/// One number of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Its name in the output, stable.
    pub key: &'static str,
    /// The number.
    pub value: f64,
    /// What it counts.
    pub unit: &'static str,
    /// How it came about.
    pub why: String,
    /// Where the figure that weighs most comes from.
    pub source: Source,
}

/// A whole plan.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// What it is for.
    pub load: Load,
    /// Its numbers.
    pub lines: Vec<Line>,
    /// What the numbers lead to that needs a person.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Makes the plan for a load that has been checked.
    pub fn new(load: &Load) -> Self {
        let mut plan = Self { load: load.clone(), lines: Vec::new(), warnings: Vec::new() };
        let workers = plan.workers();
        plan.slots(workers);
        plan.pollers(workers);
        plan.memory(workers);
        plan.store(workers);
        plan.server();
        plan
    }

    fn add(&mut self, key: &'static str, value: f64, unit: &'static str, source: Source, why: String) {
        self.lines.push(Line { key, value, unit, why, source });
    }

    /// What is left of the whole when the headroom is kept free.
    fn usable(&self) -> f64 {
        1.0 - self.load.headroom
    }

    fn workers(&mut self) -> f64 {
        let Load { orders_per_second: orders, tasks_per_second: tasks, .. } = self.load;
        let bytes = self.load.dataset_gb_per_hour * 1e9 / 3600.0;
        let cores = (orders * WORKER_MS_PER_ORDER + tasks * WORKER_MS_PER_TASK) / 1000.0
            + bytes / DATASET_BYTES_PER_CORE;
        self.add(
            "worker_cores",
            cores,
            "cores busy",
            Source::Measured,
            format!("{orders} orders/s x {WORKER_MS_PER_ORDER} ms + {tasks} tasks/s x {WORKER_MS_PER_TASK} ms + datasets at 484 MB/s a core"),
        );
        let each = self.load.cpu_per_worker;
        let busy = (cores / (each * self.usable())).ceil();
        let spare = (cores / each).ceil() + 1.0;
        let workers = busy.max(spare).max(2.0);
        let why = if busy >= spare {
            format!("{each} core(s) each, {:.0} % of it kept free", self.load.headroom * 100.0)
        } else {
            "one more than the load needs, so that one may be lost or replaced".to_owned()
        };
        self.add("workers", workers, "replicas", Source::Derived, why);
        workers
    }

    fn slots(&mut self, workers: f64) {
        let Load { orders_per_second: orders, tasks_per_second: tasks, .. } = self.load;
        let rate = orders * f64::from(ORDER.workflow_tasks) + tasks * f64::from(TASK.workflow_tasks);
        let held = rate * WORKFLOW_TASK_SECONDS / workers / self.usable();
        self.add(
            "workflow_slots",
            tens(held).max(SLOTS as f64),
            "per worker",
            Source::Assumed,
            format!(
                "{rate:.0} workflow tasks/s, each held 50 ms: {held:.1} at once here; the default is {SLOTS}"
            ),
        );
        let latency = self.load.provider_latency.as_secs_f64();
        let calls = orders * latency / workers / self.usable();
        let in_flight = calls.ceil().max(IN_FLIGHT as f64);
        self.add(
            "provider_in_flight",
            in_flight,
            "per worker and provider",
            Source::Assumed,
            format!(
                "{orders} calls/s of {} to each provider: {calls:.1} at once here; the default is {IN_FLIGHT}",
                shown(self.load.provider_latency)
            ),
        );
        let own =
            orders * 2.0 * OWN_ACTIVITY_SECONDS + tasks * f64::from(TASK.activities) * OWN_ACTIVITY_SECONDS;
        let held = 2.0 * calls + own / workers / self.usable();
        let isolated = 4.0 * in_flight + 1.0;
        let slots = tens(held.max(isolated)).max(SLOTS as f64);
        self.add(
            "activity_slots",
            slots,
            "per worker",
            Source::Derived,
            format!("{held:.1} at once here; above twice what both providers may hold ({:.0}), so that a slow one leaves room", 4.0 * in_flight),
        );
    }

    fn pollers(&mut self, workers: f64) {
        let rate = (self.load.orders_per_second * ORDER.tasks() + self.load.tasks_per_second * TASK.tasks())
            / workers;
        let pollers = (rate / TASKS_PER_POLLER / self.usable()).ceil().max(POLLERS as f64);
        let why = format!(
            "{rate:.0} tasks/s here, {TASKS_PER_POLLER:.0} for each poll; the default is \"auto\", which begins with {POLLERS}"
        );
        if pollers > POLLERS as f64 {
            self.warnings.push(
                "five polls of each kind do not fetch this much: set worker.workflow_pollers and worker.activity_pollers \
                 to \"scaling\""
                    .to_owned(),
            );
        }
        self.add("pollers", pollers, "of each kind per worker", Source::Assumed, why);
    }

    fn memory(&mut self, workers: f64) {
        let Load { orders_per_second: orders, tasks_per_second: tasks, .. } = self.load;
        let open = orders * self.load.approval_wait.as_secs_f64() + tasks * TASK_SECONDS;
        self.add(
            "open_runs",
            open.ceil(),
            "runs",
            Source::Derived,
            format!("{orders} orders/s wait {} for a decision", shown(self.load.approval_wait)),
        );
        let wanted = (open / workers / self.usable()).ceil().max(CACHED as f64);
        let cached = wanted.min(MOST_CACHED as f64);
        if wanted > cached {
            self.warnings.push(format!(
                "{wanted:.0} runs wait per worker and {cached:.0} are kept in memory: the others are replayed when their \
                 decision comes, which costs one short history and is fine"
            ));
        }
        self.add(
            "cached_runs",
            cached,
            "per worker",
            Source::Derived,
            format!("the open runs over {workers:.0} workers; at least {CACHED}, at most {MOST_CACHED}"),
        );
        let works_on_data = tasks > 0.0 || self.load.dataset_gb_per_hour > 0.0;
        let data = if works_on_data { DATASET_MB } else { 0.0 };
        let megabytes = (WORKER_MB + cached * CACHED_RUN_KB / 1000.0 + data) / self.usable();
        self.add(
            "worker_memory",
            (megabytes / 64.0).ceil() * 64.0,
            "MB per worker",
            Source::Assumed,
            format!("{WORKER_MB:.0} MB measured + {cached:.0} runs x {CACHED_RUN_KB:.0} KB + {data:.0} MB for a dataset, and the headroom"),
        );
    }

    fn store(&mut self, workers: f64) {
        let transactions = self.load.orders_per_second * TRANSACTIONS_PER_ORDER;
        let held = transactions * TRANSACTION_SECONDS / workers / self.usable();
        // Twice, since they come in bursts.
        let each = (2.0 * held).ceil().max(4.0);
        let each = if each <= CONNECTIONS as f64 { CONNECTIONS as f64 } else { each };
        // One more worker during a rollout, and a few for people.
        let total = (workers + 1.0) * each + 5.0;
        self.add(
            "store_transactions",
            transactions,
            "per second",
            Source::Measured,
            format!("{TRANSACTIONS_PER_ORDER:.0} for each order"),
        );
        self.add(
            "database_connections",
            total,
            "of PostgreSQL",
            Source::Derived,
            format!("({workers:.0} workers + 1 during a rollout) x {each:.0} (store.max_connections) + 5; {held:.1} busy per worker"),
        );
        if total > POSTGRES_CONNECTIONS as f64 {
            self.warnings.push(format!(
                "{total:.0} connections are more than the {POSTGRES_CONNECTIONS} that PostgreSQL allows unless set: raise its \
                 max_connections, or set store.max_connections to {:.0}",
                ((POSTGRES_CONNECTIONS as f64 - 5.0) / (workers + 1.0)).floor().max(1.0)
            ));
        }
    }

    fn server(&mut self) {
        let Load { orders_per_second: orders, tasks_per_second: tasks, growth, .. } = self.load;
        let cores = (orders * SERVER_MS_PER_ORDER + tasks * SERVER_MS_PER_TASK) / 1000.0;
        self.add(
            "server_cores",
            (cores / self.usable() * 10.0).ceil() / 10.0,
            "cores of the Temporal server",
            Source::Measured,
            format!("{orders} orders/s x {SERVER_MS_PER_ORDER:.0} ms + {tasks} tasks/s x {SERVER_MS_PER_TASK:.0} ms, and the headroom; its database comes on top"),
        );
        let writes = orders * ORDER.writes() + tasks * TASK.writes();
        let wanted = writes * growth / WRITES_PER_SHARD;
        let (fewest, most) = SHARDS;
        let shards = power_of_two(wanted).clamp(fewest as f64, most as f64);
        if wanted > most as f64 {
            self.warnings.push(format!(
                "{wanted:.0} shards are more than one cluster should have: divide the load over several namespaces and \
                 clusters, or take Temporal Cloud"
            ));
        }
        self.add(
            "history_shards",
            shards,
            "for ever",
            Source::Assumed,
            format!("{writes:.0} writes/s x {growth} for growth, {WRITES_PER_SHARD:.0} a second each: {wanted:.1}; a power of two, at least {fewest}"),
        );
        let actions = orders * ORDER.actions() + tasks * TASK.actions();
        self.add(
            "cloud_actions",
            actions,
            "per second",
            Source::Counted,
            format!(
                "{:.0} for each order, {:.0} for each task, without retries and heartbeats",
                ORDER.actions(),
                TASK.actions()
            ),
        );
        if actions > 0.7 * CLOUD_ACTIONS {
            self.warnings.push(format!(
                "on Temporal Cloud a namespace begins with {CLOUD_ACTIONS:.0} actions/s; {actions:.0} are more than 70 % of that: \
                 ask for more before the peak"
            ));
        }
    }
}

/// Rounded up to tens.
fn tens(value: f64) -> f64 {
    (value / 10.0).ceil() * 10.0
}

/// The next power of two.
fn power_of_two(value: f64) -> f64 {
    value.max(1.0).log2().ceil().exp2()
}
