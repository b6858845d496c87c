//! Ctrl-C, SIGTERM and a closed terminal as one flag that every wait looks at, so that whoever holds processes gets to
//! stop them in order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::Context;

static FLAG: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// The error of a wait that was cut short by a signal.
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Turns SIGINT, SIGTERM and SIGHUP into the flag; call once, first.
///
/// # Errors
/// When the operating system refuses the handler.
pub fn install() -> anyhow::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let flag = FLAG.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let value = usize::try_from(signal).expect("signal numbers are positive");
        signal_hook::flag::register_usize(signal, Arc::clone(flag), value)
            .with_context(|| format!("cannot handle signal {signal}"))?;
    }
    Ok(())
}

/// The number of the last signal, 0 when there was none.
pub fn signal() -> usize {
    FLAG.get().map_or(0, |flag| flag.load(Ordering::Relaxed))
}

/// Whether a signal asked to stop.
pub fn requested() -> bool {
    signal() != 0
}

/// # Errors
/// [`Interrupted`] after a signal.
pub fn check() -> anyhow::Result<()> {
    if requested() { Err(Interrupted.into()) } else { Ok(()) }
}
