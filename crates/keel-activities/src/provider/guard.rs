//! What every call to a provider passes: the circuit breaker, then the bulkhead.
//!
//! One guard per provider and process: clones of a client share it, so what one worker learnt holds for the next.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, SemaphorePermit};
use tokio::time::timeout_at;

use super::ProviderOptions;
use super::breaker::{Admission, Breaker, BreakerOptions, CircuitState, Counts, Pass, Transition};
use super::bulkhead::Bulkhead;
use super::error::ProviderError;
use super::jitter::Jitter;
use super::meters::{Meters, Outcome};

/// A call that found no place is due again after so long, up to twice.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// The protection of one provider.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) name: &'static str,
    circuit: Mutex<Circuit>,
    /// Told when trials end.
    changed: Notify,
    pub(super) bulkhead: Bulkhead,
    options: BreakerOptions,
    queue_timeout: Duration,
    jitter: Jitter,
    meters: Meters,
    /// Calls made since the process began.
    pub(super) asked: AtomicU64,
    /// Calls not made since the process began.
    pub(super) turned_away: AtomicU64,
}

/// The breaker, and why it last opened.
#[derive(Debug)]
pub(super) struct Circuit {
    pub(super) breaker: Breaker,
    pub(super) why: Option<String>,
}

/// One call under way. Dropped without [`Entry::finish`], the call was given up.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    guard: &'a Guard,
    pass: Option<Pass>,
    begun: Instant,
    _place: SemaphorePermit<'a>,
}

/// Why a call was not made.
#[derive(Debug)]
pub(super) enum Rejection {
    Open { why: String, retry_after: Duration },
    Full { limit: usize, retry_after: Duration },
}

impl Guard {
    /// The protection of `name`, whose calls are `operations`.
    pub(super) fn new(name: &'static str, operations: &[&'static str], options: &ProviderOptions) -> Self {
        let breaker = Breaker::new(options.breaker.clone(), Instant::now());
        let meters = Meters::new(name, operations);
        meters.begins(breaker.state());
        Self {
            name,
            circuit: Mutex::new(Circuit { breaker, why: None }),
            changed: Notify::new(),
            bulkhead: Bulkhead::new(options.max_in_flight, options.queue_timeout),
            options: options.breaker.clone(),
            queue_timeout: options.queue_timeout,
            jitter: Jitter::new(),
            meters,
            asked: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
        }
    }

    /// Takes a place for one call. Waits at most twice `queue_timeout`: for a place, then for the outcome of trials.
    pub(super) async fn enter(&self) -> Result<Entry<'_>, Rejection> {
        // An open circuit is said at once, even if slow calls from before still hold all places.
        let open_for = self.circuit().breaker.open_for(Instant::now());
        if !open_for.is_zero() {
            return Err(self.open(open_for));
        }
        let Some(place) = self.bulkhead.enter().await else {
            self.meters.rejected_full();
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            let retry_after = self.jitter.beyond(BUSY_RETRY, BUSY_RETRY);
            return Err(Rejection::Full { limit: self.bulkhead.limit(), retry_after });
        };
        let pass = self.pass().await?;
        self.meters.entered();
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(Entry { guard: self, pass: Some(pass), begun: Instant::now(), _place: place })
    }

    async fn pass(&self) -> Result<Pass, Rejection> {
        let deadline = tokio::time::Instant::now() + self.queue_timeout;
        loop {
            let mut changed = pin!(self.changed.notified());
            // Before the state is looked at, so that no change is missed in between.
            changed.as_mut().enable();
            match self.admit() {
                Admission::Pass(pass) => return Ok(pass),
                Admission::Open(open_for) => return Err(self.open(open_for)),
                Admission::Undecided => {}
            }
            if timeout_at(deadline, changed).await.is_err() {
                return Err(self.open(self.options.open_for));
            }
        }
    }

    /// When a call that just failed is worth repeating, if its circuit is open.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let open_for = self.circuit().breaker.open_for(Instant::now());
        (!open_for.is_zero()).then(|| self.spread(open_for))
    }

    fn admit(&self) -> Admission {
        let mut circuit = self.circuit();
        let (admission, transition) = circuit.breaker.admit(Instant::now());
        if let Some(transition) = transition {
            self.tell(&mut circuit, transition);
        }
        admission
    }

    /// Everybody who waits for the end of an opening would come back at its end; chance spreads them.
    fn spread(&self, open_for: Duration) -> Duration {
        self.jitter.beyond(open_for, self.options.open_for / 2)
    }

    fn open(&self, open_for: Duration) -> Rejection {
        self.meters.rejected_open();
        self.turned_away.fetch_add(1, Ordering::Relaxed);
        let retry_after = self.spread(open_for);
        let why = self.circuit().why.clone().unwrap_or_default();
        Rejection::Open { why, retry_after }
    }

    /// Under the lock, so that log and gauge show changes in their order.
    fn tell(&self, circuit: &mut Circuit, transition: Transition) {
        self.meters.changed(transition.to);
        let (provider, Counts { calls, failed, slow }) = (self.name, transition.counts);
        match transition.to {
            CircuitState::Open => {
                let why = format!("of {calls} calls {failed} failed and {slow} were slow");
                let open_for = transition.open_for;
                tracing::warn!(
                    provider,
                    calls,
                    failed,
                    slow,
                    ?open_for,
                    "circuit opened: the provider is left alone, its steps are retried later"
                );
                circuit.why = Some(why);
            }
            CircuitState::HalfOpen => {
                tracing::debug!(
                    provider,
                    trials = self.options.trial_calls,
                    "circuit half-open: trying the provider"
                );
            }
            CircuitState::Closed => {
                tracing::info!(provider, trials = calls, "circuit closed: the provider answers again");
                circuit.why = None;
            }
        }
    }

    /// The breaker, for a look or a step; never held across a wait.
    pub(super) fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings of its breaker.
    pub(super) const fn options(&self) -> &BreakerOptions {
        &self.options
    }
}

impl Entry<'_> {
    /// The call ended like this.
    pub(super) fn finish(mut self, operation: &'static str, outcome: Outcome) {
        let took = self.begun.elapsed();
        let slow = outcome == Outcome::Ok && took >= self.guard.options.slow_call;
        self.guard.meters.called(operation, if slow { Outcome::Slow } else { outcome }, took);
        let Some(pass) = self.pass.take() else { return };
        let mut circuit = self.guard.circuit();
        let jitter = self.guard.jitter.next();
        let transition = circuit.breaker.record(pass, outcome.is_failure(), took, Instant::now(), jitter);
        if let Some(transition) = transition {
            self.guard.tell(&mut circuit, transition);
            self.guard.changed.notify_waiters();
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.guard.meters.left();
        if let Some(pass) = self.pass.take() {
            self.guard.circuit().breaker.abandon(pass);
            self.guard.changed.notify_waiters();
        }
    }
}

impl Rejection {
    /// What the caller is told.
    pub(super) fn into_error(self, provider: &'static str, operation: &'static str) -> ProviderError {
        match self {
            Self::Open { why, retry_after } => {
                ProviderError::CircuitOpen { provider, operation, why, retry_after }
            }
            Self::Full { limit, retry_after } => {
                ProviderError::Busy { provider, operation, limit, retry_after }
            }
        }
    }
}
