//! The SDK's label sets, each kept once.
//!
//! For every call and every task the SDK puts its labels together anew. Here the same labels give the same allocation,
//! so that a series is found by an address instead of by its strings.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use metrics::Label;
use temporalio_common::telemetry::metrics::{MetricAttributes, MetricKeyValue, MetricValue, NewAttributes};

/// More than any honest worker has: a few for each operation, workflow type and activity type. Type names come from
/// whoever starts workflows, so without a bound a stranger could fill the memory.
pub(super) const MAX_SETS: usize = 2048;

/// Labels as the SDK carries them; the SDK reads this shape for its own heartbeats.
pub(super) type LabelSet = Arc<HashMap<String, String>>;

/// Every label set seen so far. None is ever dropped, so their addresses name them.
#[derive(Debug, Default)]
pub(super) struct LabelSets {
    state: RandomState,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_hash: HashMap<u64, Vec<Extension>>,
    count: usize,
}

/// What came of adding `added` to the set at `base`.
#[derive(Debug)]
struct Extension {
    base: usize,
    added: Vec<MetricKeyValue>,
    set: LabelSet,
}

impl LabelSets {
    /// `base` with `added`; beyond [`MAX_SETS`], `base` as it is.
    pub(super) fn extend(&self, base: Option<MetricAttributes>, added: NewAttributes) -> MetricAttributes {
        let base = match base {
            Some(MetricAttributes::NoOp(set)) => set,
            _ => LabelSet::default(),
        };
        let added = added.attributes;
        // All empty sets are one base, wherever they come from.
        let address = if base.is_empty() { 0 } else { address(&base) };
        let hash = self.hash(address, &added);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = known.find(hash, address, &added) {
            return MetricAttributes::NoOp(set);
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = known.find(hash, address, &added) {
            return MetricAttributes::NoOp(set);
        }
        if known.count >= MAX_SETS {
            return MetricAttributes::NoOp(base);
        }
        let mut labels = (*base).clone();
        labels.extend(added.iter().map(|pair| (pair.key.clone(), pair.value.to_string())));
        let set = Arc::new(labels);
        known.count += 1;
        known.by_hash.entry(hash).or_default().push(Extension { base: address, added, set: set.clone() });
        MetricAttributes::NoOp(set)
    }

    fn hash(&self, base: usize, added: &[MetricKeyValue]) -> u64 {
        let mut hasher = self.state.build_hasher();
        base.hash(&mut hasher);
        for pair in added {
            pair.key.hash(&mut hasher);
            match &pair.value {
                MetricValue::String(text) => text.hash(&mut hasher),
                MetricValue::Int(number) => number.hash(&mut hasher),
                MetricValue::Float(number) => number.to_bits().hash(&mut hasher),
                MetricValue::Bool(flag) => flag.hash(&mut hasher),
            }
        }
        hasher.finish()
    }
}

impl Known {
    fn find(&self, hash: u64, base: usize, added: &[MetricKeyValue]) -> Option<LabelSet> {
        let extensions = self.by_hash.get(&hash)?;
        extensions.iter().find(|it| it.base == base && it.added == added).map(|it| it.set.clone())
    }
}

/// What names a label set.
pub(super) fn address(set: &LabelSet) -> usize {
    Arc::as_ptr(set).addr()
}

/// The set as the recorder takes it, always in the same order.
pub(super) fn to_labels(set: &LabelSet) -> Vec<Label> {
    let mut labels: Vec<Label> =
        set.iter().map(|(key, value)| Label::new(key.clone(), value.clone())).collect();
    labels.sort();
    labels
}
