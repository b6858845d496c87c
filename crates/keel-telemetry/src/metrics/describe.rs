//! What a program says about its own series.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// One series of a program.
#[derive(Clone, Copy, Debug)]
pub struct Series {
    /// Its name, with the unit and, for a counter, `_total` at its end.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// One sentence for people.
    pub help: &'static str,
}

/// What a series is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution over these upper bounds, in the unit of its name.
    Histogram(&'static [f64]),
}

pub(super) fn all(series: &[Series]) {
    for Series { name, kind, help } in series {
        // The unit is in the name already; the exporter shows none of its own.
        match kind {
            Kind::Counter => describe_counter!(*name, Unit::Count, *help),
            Kind::Gauge => describe_gauge!(*name, *help),
            Kind::Histogram(_) => describe_histogram!(*name, *help),
        }
    }
}
