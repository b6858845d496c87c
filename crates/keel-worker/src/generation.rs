//! A generation: the SDK workers that poll together, each on a thread of its own, until the next generation replaces
//! them.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keel_telemetry::Health;
use keel_telemetry::health::Pulse;
use keel_temporal::Instruments;
use temporalio_client::Client;
use temporalio_sdk::Worker;
use temporalio_sdk_core::{CoreRuntime, RuntimeOptions};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, error::TryRecvError, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::WorkerError;
use crate::build::Parts;
use crate::farewell::Farewell;
use crate::load::Load;

/// A workflow thread that does not come round for so long is stuck in workflow code, and the process is not alive.
const STUCK: Duration = Duration::from_secs(30);
const BEAT: Duration = Duration::from_secs(1);
/// Workflow code recurses into whatever its data is; the default of spawned threads is small beside the main one's.
const STACK: usize = 8 << 20;

/// SDK workers that poll. Dropping it leaves its threads to themselves; [`Generation::stop`] it first.
#[derive(Debug)]
pub(crate) struct Generation {
    /// 1 for the first of the process.
    pub(crate) number: u64,
    /// The connection of the first thread, for questions to the server.
    pub(crate) client: Client,
    /// What it is busy with.
    pub(crate) load: Arc<Load>,
    /// When it was told to stop.
    pub(crate) stopped: Option<Instant>,
    stop: CancellationToken,
    hurry: CancellationToken,
    abandon: CancellationToken,
    polling: Arc<AtomicUsize>,
    identities: Vec<String>,
    results: UnboundedReceiver<Result<(), WorkerError>>,
    left: usize,
}

impl Generation {
    /// Starts one thread for each of `clients`.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub(crate) fn start(
        number: u64,
        clients: Vec<Client>,
        parts: &Parts,
        load: Load,
        instruments: &Instruments,
        health: &Health,
    ) -> Result<Self, WorkerError> {
        let (load, stop, abandon) = (Arc::new(load), CancellationToken::new(), CancellationToken::new());
        let (sender, results) = unbounded_channel();
        let client = clients.first().expect("there is at least one workflow thread").clone();
        let identities = clients.iter().map(|client| client.connection().identity().to_owned()).collect();
        let left = clients.len();
        let (hurry, polling) = (CancellationToken::new(), Arc::new(AtomicUsize::new(left)));
        for (index, client) in clients.into_iter().enumerate() {
            let thread = Thread {
                client,
                parts: parts.clone(),
                load: Arc::clone(&load),
                instruments: instruments.clone(),
                stop: stop.clone(),
                hurry: hurry.clone(),
                polling: Arc::clone(&polling),
                abandon: abandon.clone(),
                pulse: health.pulse(format!("workflow thread {number}.{index}"), STUCK),
                outcome: Outcome { sender: sender.clone(), result: None },
            };
            let handle = Handle::current();
            std::thread::Builder::new()
                .name(format!("workflows-{number}.{index}"))
                .stack_size(STACK)
                .spawn(move || handle.block_on(thread.live()))
                .map_err(|error| WorkerError::Create(error.into()))?;
        }
        Ok(Self {
            number,
            client,
            load,
            stopped: None,
            stop,
            hurry,
            abandon,
            polling,
            identities,
            results,
            left,
        })
    }

    /// The names under which it polls, one for each thread.
    pub(crate) fn identities(&self) -> &[String] {
        &self.identities
    }

    /// Whether any of its threads still takes new work.
    pub(crate) fn is_polling(&mut self) -> bool {
        !self.is_over() && self.polling.load(Ordering::Relaxed) > 0
    }

    /// As [`Generation::stop`], and without waiting for the best moment.
    pub(crate) fn stop_soon(&mut self) {
        self.hurry.cancel();
        self.stop();
    }

    /// No new work from the next good moment on; what it has, it finishes.
    pub(crate) fn stop(&mut self) {
        self.stopped.get_or_insert_with(Instant::now);
        self.stop.cancel();
    }

    /// Ends it where it stands. Activities that run go on to their end.
    pub(crate) fn abandon(&mut self) {
        self.stop();
        self.abandon.cancel();
    }

    /// Resolves when a thread failed, or all have ended. May be dropped and asked again.
    pub(crate) async fn ended(&mut self) -> Result<(), WorkerError> {
        while self.left > 0 {
            match self.results.recv().await {
                Some(result) => {
                    self.left -= 1;
                    result?;
                }
                None => self.left = 0,
            }
        }
        Ok(())
    }

    /// Whether all threads have ended; how does not matter any more.
    pub(crate) fn is_over(&mut self) -> bool {
        loop {
            match self.results.try_recv() {
                Ok(_) => self.left = self.left.saturating_sub(1),
                Err(TryRecvError::Empty) => return self.left == 0,
                Err(TryRecvError::Disconnected) => return true,
            }
        }
    }
}

/// One SDK worker on its thread.
struct Thread {
    client: Client,
    parts: Parts,
    load: Arc<Load>,
    instruments: Instruments,
    stop: CancellationToken,
    hurry: CancellationToken,
    abandon: CancellationToken,
    polling: Arc<AtomicUsize>,
    pulse: Pulse,
    outcome: Outcome,
}

/// Tells how a thread ended, even if it panicked.
struct Outcome {
    sender: UnboundedSender<Result<(), WorkerError>>,
    result: Option<Result<(), WorkerError>>,
}

impl Drop for Outcome {
    fn drop(&mut self) {
        // Nobody listens any more when the process ends.
        let _ = self.sender.send(self.result.take().unwrap_or(Err(WorkerError::Panicked)));
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // Also when workflow code panicked: a thread that is gone is not stuck.
        self.pulse.remove();
    }
}

impl Thread {
    async fn live(mut self) {
        let result = Box::pin(self.work()).await;
        self.outcome.result = Some(result);
    }

    async fn work(&self) -> Result<(), WorkerError> {
        let options = RuntimeOptions::builder()
            .telemetry_options(self.instruments.telemetry())
            .build()
            .map_err(|error| WorkerError::Create(error.into()))?;
        let runtime =
            CoreRuntime::new_assume_tokio(options).map_err(|error| WorkerError::Create(error.into()))?;
        let (mut worker, farewell) = self.parts.worker(&runtime, &self.client, &self.load)?;
        let key = worker.worker_instance_key();
        let result = self.poll(&mut worker, &farewell).await;
        // A worker that failed or was abandoned has not deregistered itself.
        (worker.shutdown_handle())();
        drop(worker);
        // The connection and the worker keep each other alive until this.
        if let Err(error) = self.client.connection().workers().finalize_unregister(key) {
            tracing::debug!(error = %error, "an ended SDK worker was not registered");
        }
        result
    }

    async fn poll(&self, worker: &mut Worker, farewell: &Farewell) -> Result<(), WorkerError> {
        let stop = worker.shutdown_handle();
        let mut polling = pin!(worker.run());
        let mut ready = pin!(async {
            self.stop.cancelled().await;
            farewell.ready(&self.hurry).await;
        });
        let mut home = pin!(farewell.insist());
        let mut ticks = tokio::time::interval(BEAT);
        let (mut stopping, mut at_home) = (false, false);
        loop {
            tokio::select! {
                biased;
                ended = &mut polling => return ended.map_err(WorkerError::Run),
                () = self.abandon.cancelled() => return Ok(()),
                () = &mut ready, if !stopping => {
                    stopping = true;
                    stop();
                    self.polling.fetch_sub(1, Ordering::Relaxed);
                }
                () = &mut home, if stopping && !at_home => at_home = true,
                _ = ticks.tick() => self.pulse.beat(),
            }
        }
    }
}
