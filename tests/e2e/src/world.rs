//! One test's world: its own queue, sandbox, store and data directory on the shared server.

mod outside;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Daemon, Output, run};
use crate::wait::eventually;

/// An id nobody else uses.
///
/// # Panics
/// When the clock is before 1970.
#[must_use]
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::UNIX_EPOCH.elapsed().expect("the clock is past 1970").as_micros();
    format!("{prefix}-{now}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A program that runs beside the worker.
pub struct Guest {
    daemon: Daemon,
}

impl Guest {
    /// What it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// Ends it with SIGTERM and returns its exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.daemon.end(Signal::TERM).code()
    }
}

/// Everything one test needs. Dropping it ends its processes and removes its files.
pub struct World {
    settings: BTreeMap<String, String>,
    bins: PathBuf,
    queue: String,
    address: String,
    sandbox: Option<Daemon>,
    sandbox_url: String,
    worker: Option<Daemon>,
    dir: TempDir,
}

impl World {
    /// A world with a sandbox and a seeded store, and no worker yet.
    ///
    /// # Panics
    /// When something does not start; the message says what to run.
    #[must_use]
    pub fn new() -> Self {
        Self::on(&needed("KEEL_TEST_TEMPORAL_ADDRESS"))
    }

    /// The same on another server.
    ///
    /// # Panics
    /// When something does not start; the message says what to run.
    #[must_use]
    pub fn on(address: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut world = Self {
            settings: BTreeMap::new(),
            bins: needed("KEEL_TEST_BIN_DIR").into(),
            queue: unique("e2e"),
            address: address.to_owned(),
            sandbox: None,
            sandbox_url: String::new(),
            worker: None,
            dir,
        };
        world.start_sandbox();
        let _ = run(world.worker_command(&["store", "seed"]), world.dir.path()).ok();
        world
    }

    /// The same, with a worker that polls.
    #[must_use]
    pub fn with_worker(settings: &[(&str, &str)]) -> Self {
        let mut world = Self::new();
        for (key, value) in settings {
            world.set(key, value);
        }
        world.start_worker();
        world
    }

    /// One more setting for workers started from now on, such as `KEEL__ORDER__DEADLINE`.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.insert(key.to_owned(), value.to_owned());
    }

    /// Starts the worker and waits until it polls.
    pub fn start_worker(&mut self) {
        let ready = self.dir.path().join("ready");
        // It may not be there.
        let _ = std::fs::remove_file(&ready);
        let mut command = self.worker_command(&[]);
        command.env("KEEL__WORKER__READY_FILE", &ready);
        let mut worker = Daemon::start(command, &self.dir.path().join("worker.log"));
        eventually("a worker that polls", || {
            assert!(worker.ended().is_none(), "the worker ended: {}", worker.log());
            ready.exists().then_some(())
        });
        self.worker = Some(worker);
    }

    /// Starts the worker and does not wait for it to be ready.
    pub fn launch_worker(&mut self) {
        let command = self.worker_command(&[]);
        self.worker = Some(Daemon::start(command, &self.dir.path().join("worker.log")));
    }

    /// What the workers of this world have logged.
    #[must_use]
    pub fn worker_log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("worker.log")).unwrap_or_default()
    }

    /// Every event of a run, as the server keeps them.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn history(&self, workflow_id: &str) -> Vec<Value> {
        let shown =
            self.temporal(&["workflow", "show", "--workflow-id", workflow_id, "-o", "json"]).ok().json();
        shown["events"].as_array().expect("a list of events").clone()
    }

    /// Ends the worker with SIGKILL: no warning, no draining.
    pub fn kill_worker(&mut self) {
        if let Some(mut worker) = self.worker.take() {
            worker.end(Signal::KILL);
        }
    }

    /// Starts a worker of `build` beside whatever runs, and waits until it polls; it ends with the value, by SIGKILL.
    ///
    /// # Panics
    /// When it ends instead.
    #[must_use]
    pub fn start_build(&self, build: &str) -> Guest {
        let ready = self.dir.path().join(format!("ready-{build}"));
        let mut command = self.worker_command(&[]);
        command.env("KEEL__WORKER__READY_FILE", &ready).env("KEEL__WORKER__BUILD_ID", build);
        let mut daemon = Daemon::start(command, &self.dir.path().join(format!("worker-{build}.log")));
        eventually("a worker of the build that polls", || {
            assert!(daemon.ended().is_none(), "the worker ended: {}", daemon.log());
            ready.exists().then_some(())
        });
        Guest { daemon }
    }

    /// Stops the worker's clock: it is there and does nothing, as on a frozen machine. [`World::thaw_worker`] ends it.
    ///
    /// # Panics
    /// When there is no worker.
    pub fn freeze_worker(&self) {
        self.worker.as_ref().expect("a running worker").signal(Signal::STOP);
    }

    /// Lets a frozen worker go on.
    ///
    /// # Panics
    /// When there is no worker.
    pub fn thaw_worker(&self) {
        self.worker.as_ref().expect("a running worker").signal(Signal::CONT);
    }

    /// Starts another program of the workspace on the queue of this world; it ends with the value, by SIGKILL.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(&self, program: &str, arguments: &[&str]) -> Guest {
        let mut command = Command::new(self.bins.join(program));
        self.common(&mut command);
        command.args(arguments);
        Guest { daemon: Daemon::start(command, &self.dir.path().join(format!("{}.log", unique(program)))) }
    }

    /// Starts one more worker beside the one of this world, of another build, and waits until it is ready.
    ///
    /// # Panics
    /// When it ends instead.
    #[must_use]
    pub fn another_worker(&self, listen: &str, build: &str) -> Guest {
        let ready = self.dir.path().join(unique("ready"));
        let mut command = self.worker_command(&[]);
        command.env("KEEL__HTTP__LISTEN", listen).env("KEEL__WORKER__BUILD_ID", build);
        command.env("KEEL__WORKER__READY_FILE", &ready);
        let mut daemon = Daemon::start(command, &self.dir.path().join(format!("{build}.log")));
        eventually("another worker that polls", || {
            assert!(daemon.ended().is_none(), "the worker ended: {}", daemon.log());
            ready.exists().then_some(())
        });
        Guest { daemon }
    }

    /// Keeps orders, a task and a dataset run in flight (`keel-load flow`) for as long as the value lives. Tasks and
    /// runs work on the datasets of these ids.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn load(&self, orders: u32, task: &str, dataset: &str) -> Guest {
        let mut command = Command::new(self.bins.join("keel-load"));
        self.common(&mut command);
        let orders = orders.to_string();
        command.args(["flow", "--orders", &orders, "--orders-per-second", &orders]);
        command.args(["--tasks", "1", "--task-template", task]);
        command.args(["--datasets", "1", "--dataset-template", dataset]);
        command.arg("--data-dir").arg(self.data());
        // It ends when its standard input does.
        Guest { daemon: Daemon::start_with(Stdio::piped(), command, &self.dir.path().join("load.log")) }
    }

    /// Runs `cargo xtask` with `arguments` to its end, as the binary that cargo built of it.
    #[must_use]
    pub fn xtask(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.bins.join("xtask"));
        self.common(&mut command);
        command.args(arguments);
        run(command, self.dir.path())
    }

    /// Ends the worker with SIGTERM and returns its exit code and log.
    ///
    /// # Panics
    /// When there is no worker.
    pub fn stop_worker(&mut self) -> (Option<i32>, String) {
        let mut worker = self.worker.take().expect("a running worker");
        let status = worker.end(Signal::TERM);
        (status.code(), worker.log())
    }

    /// Runs `keel` with `arguments` to its end.
    #[must_use]
    pub fn keel(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.bins.join("keel"));
        self.common(&mut command);
        command.args(arguments);
        run(command, self.dir.path())
    }

    /// The same, with more in its environment.
    #[must_use]
    pub fn keel_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
        let mut command = Command::new(self.bins.join("keel"));
        self.common(&mut command);
        command.envs(environment.iter().copied()).args(arguments);
        run(command, self.dir.path())
    }

    /// Runs `keel-worker` with `arguments` to its end.
    #[must_use]
    pub fn keel_worker(&self, arguments: &[&str]) -> Output {
        run(self.worker_command(arguments), self.dir.path())
    }

    /// Runs the plain `temporal` command line, as any user of Temporal would.
    #[must_use]
    pub fn temporal(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(needed("TEMPORAL_CLI"));
        command.args(arguments).args(["--address", &self.address]);
        run(command, self.dir.path())
    }

    /// The task queue of this world.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// A folder for a test's own files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The data directory of the worker and of `keel`.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// An order file that `keel order submit --file` takes.
    #[must_use]
    pub fn order_file(&self, order_id: &str, customer_id: &str) -> String {
        let path = self.dir.path().join(format!("{order_id}.json"));
        let order = serde_json::json!({
            "orderId": order_id, "customerId": customer_id, "currency": "EUR", "requestedBy": "clerk@company.com",
            "lines": [{"sku": "KEEL-ROPE", "quantity": 2, "unitPriceMinor": 1250}],
        });
        std::fs::write(&path, order.to_string()).expect("the order is written");
        path.display().to_string()
    }

    /// The stored record of an order, from `keel-worker store export`.
    #[must_use]
    pub fn stored(&self, order_id: &str) -> Option<Value> {
        self.export().into_iter().find(|line| line["orderId"] == order_id)
    }

    /// Pieces of a SKU that are reserved for somebody.
    #[must_use]
    pub fn reserved(&self, sku: &str) -> u64 {
        let lines = self.export();
        let inventory =
            lines.iter().find_map(|line| line["inventory"].as_array()).expect("an inventory line");
        let item = inventory.iter().find(|item| item["sku"] == sku).expect("a known SKU");
        item["reserved"].as_u64().expect("a count")
    }

    fn export(&self) -> Vec<Value> {
        let output = self.keel_worker(&["store", "export"]).ok();
        output.stdout.lines().map(|line| serde_json::from_str(line).expect("NDJSON")).collect()
    }

    fn start_sandbox(&mut self) {
        let mut command = Command::new(self.bins.join("keel-sandbox"));
        command.args(["--listen", "127.0.0.1:0", "--state"]).arg(self.dir.path().join("sandbox.ndjson"));
        let mut sandbox = Daemon::start(command, &self.dir.path().join("sandbox.log"));
        self.sandbox_url = eventually("a sandbox that listens", || {
            assert!(sandbox.ended().is_none(), "the sandbox ended: {}", sandbox.log());
            let log = sandbox.log();
            let at = log.split("keel-sandbox listening on ").nth(1)?;
            Some(format!("http://{}", at.split_once('\n')?.0.trim()))
        });
        self.sandbox = Some(sandbox);
    }

    fn worker_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.bins.join("keel-worker"));
        self.common(&mut command);
        command
            .args(arguments)
            .env("KEEL__STORE__URL", format!("sqlite://{}", self.dir.path().join("keel.db").display()))
            .env("KEEL__PAYMENTS__URL", format!("{}/payments", self.sandbox_url))
            .env("KEEL__COURIER__URL", format!("{}/courier", self.sandbox_url))
            .env("KEEL__HTTP__LISTEN", "127.0.0.1:0")
            .env("KEEL__WORKER__HEARTBEAT_INTERVAL", "200ms")
            .env("KEEL__TASK__HEARTBEAT_TIMEOUT", "2s")
            .envs(&self.settings);
        command
    }

    fn common(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("RUST_BACKTRACE", "1")
            .env("TEMPORAL_ADDRESS", &self.address)
            .env("TASK_QUEUE", &self.queue)
            .env("KEEL__DATASET__DATA_DIR", self.data())
            .current_dir(self.dir.path());
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

pub(crate) fn needed(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `cargo xtask test`, which builds the binaries and starts the servers")
    })
}
