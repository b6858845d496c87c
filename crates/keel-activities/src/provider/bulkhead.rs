//! The bulkhead: so many calls to a provider at once, as many more that wait a moment, and no more.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// The places of one provider.
#[derive(Debug)]
pub(super) struct Bulkhead {
    places: Semaphore,
    /// Waiting takes an activity slot too, so it is bounded in number as well as in time.
    waiting: Semaphore,
    limit: usize,
    patience: Duration,
}

impl Bulkhead {
    /// `limit` places; whoever finds none waits for at most `patience`, if not `limit` others wait already.
    pub(super) fn new(limit: usize, patience: Duration) -> Self {
        Self { places: Semaphore::new(limit), waiting: Semaphore::new(limit), limit, patience }
    }

    /// A place, which is free again when the value is dropped; none when there was none in time.
    pub(super) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(place) = self.places.try_acquire() {
            return Some(place);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        tokio::time::timeout(self.patience, self.places.acquire()).await.ok()?.ok()
    }

    /// How many places there are.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// How many places are taken.
    pub(super) fn in_flight(&self) -> usize {
        self.limit.saturating_sub(self.places.available_permits())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::Bulkhead;

    #[tokio::test]
    async fn places_and_the_queue_are_bounded() {
        let bulkhead = Bulkhead::new(2, Duration::from_millis(100));
        let first = bulkhead.enter().await.expect("a place");
        let _second = bulkhead.enter().await.expect("a place");
        assert_eq!((bulkhead.in_flight(), bulkhead.limit()), (2, 2));
        let (a, b, third) = tokio::join!(bulkhead.enter(), bulkhead.enter(), async {
            // Two wait already when this one comes: it is turned away without waiting.
            bulkhead.enter().now_or_never()
        });
        assert!(a.is_none() && b.is_none(), "nobody left in time");
        assert!(third.expect("an answer at once").is_none());
        let (late, ()) = tokio::join!(bulkhead.enter(), async { drop(first) });
        assert!(late.is_some(), "a place that becomes free is taken over");
        assert_eq!(bulkhead.in_flight(), 2);
    }
}
