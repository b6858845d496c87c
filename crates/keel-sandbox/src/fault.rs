//! Faults: how a provider is told to fail, to be slow, to answer rubbish or to hang up.

use serde::{Deserialize, Serialize};

use crate::protocol::Provider;

/// Longest delay that can be asked for, in milliseconds.
pub const MAX_DELAY_MS: u64 = 600_000;
/// Delay of mode `slow` when none is given, in milliseconds.
pub const DEFAULT_DELAY_MS: u64 = 5_000;
/// Status of mode `fail` when none is given.
pub const DEFAULT_STATUS: u16 = 503;

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing.
    #[default]
    None,
    /// The answer is an error status.
    Fail,
    /// The answer is late.
    Slow,
    /// The answer is a page of HTML.
    Rubbish,
    /// The connection is dropped without an answer.
    Hangup,
}

/// A fault of one provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub mode: Mode,
    /// Milliseconds to wait first, at most [`MAX_DELAY_MS`]; default none, for `slow` [`DEFAULT_DELAY_MS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Status of mode `fail`, 400 to 599; default [`DEFAULT_STATUS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Share of the requests that are hit, 0 to 1, evenly spread; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// How many requests are hit before the fault ends by itself; default no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Whether the effect happens before the fault, so that the caller is left in doubt.
    #[serde(default)]
    pub after: bool,
}

impl Fault {
    /// What is wrong with the fault, if anything.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if let Some(rate) = self.rate.filter(|rate| !(0.0..=1.0).contains(rate)) {
            return Some(format!("rate must be from 0 to 1, found {rate}"));
        }
        if let Some(delay) = self.delay_ms.filter(|delay| *delay > MAX_DELAY_MS) {
            return Some(format!("delayMs must be at most {MAX_DELAY_MS}, found {delay}"));
        }
        if let Some(status) = self.status.filter(|status| !(400..=599).contains(status)) {
            return Some(format!("status must be from 400 to 599, found {status}"));
        }
        None
    }
}

#[derive(Debug, Default)]
struct Slot {
    fault: Fault,
    /// Collects the rate until it makes a whole request, so that tests are not at the mercy of chance.
    due: f64,
}

/// The faults of both providers.
#[derive(Debug, Default)]
pub struct Faults {
    payments: Slot,
    courier: Slot,
}

impl Faults {
    /// Sets the fault of a provider.
    pub fn set(&mut self, provider: Provider, fault: Fault) {
        *self.slot(provider) = Slot { fault, due: 0.0 };
    }

    /// The fault set for a provider.
    #[must_use]
    pub const fn get(&self, provider: Provider) -> &Fault {
        match provider {
            Provider::Payments => &self.payments.fault,
            Provider::Courier => &self.courier.fault,
        }
    }

    /// The fault that hits the next request of a provider, if one does.
    pub fn draw(&mut self, provider: Provider) -> Option<Fault> {
        let slot = self.slot(provider);
        if slot.fault.mode == Mode::None {
            return None;
        }
        slot.due += slot.fault.rate.unwrap_or(1.0);
        if slot.due < 1.0 {
            return None;
        }
        slot.due -= 1.0;
        match &mut slot.fault.count {
            Some(0) => {
                *slot = Slot::default();
                None
            }
            Some(1) => Some(std::mem::take(slot).fault),
            Some(count) => {
                *count -= 1;
                Some(slot.fault.clone())
            }
            None => Some(slot.fault.clone()),
        }
    }

    const fn slot(&mut self, provider: Provider) -> &mut Slot {
        match provider {
            Provider::Payments => &mut self.payments,
            Provider::Courier => &mut self.courier,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults, Mode};
    use crate::protocol::Provider;

    #[test]
    fn rate_and_count_hit_the_stated_number_of_requests() {
        let mut faults = Faults::default();
        assert_eq!(faults.draw(Provider::Payments), None);
        faults.set(Provider::Payments, Fault { mode: Mode::Fail, rate: Some(0.25), ..Fault::default() });
        assert_eq!((0..100).filter(|_| faults.draw(Provider::Payments).is_some()).count(), 25);
        faults.set(Provider::Payments, Fault { mode: Mode::Fail, count: Some(2), ..Fault::default() });
        assert_eq!((0..10).filter(|_| faults.draw(Provider::Payments).is_some()).count(), 2);
        assert_eq!(faults.get(Provider::Payments).mode, Mode::None);
        assert_eq!(faults.draw(Provider::Courier), None);
    }

    #[test]
    fn impossible_faults_are_named() {
        let fault = |json: &str| serde_json::from_str::<Fault>(json).expect("well formed").problem();
        assert_eq!(fault(r#"{"mode":"slow","delayMs":100}"#), None);
        assert_eq!(
            fault(r#"{"mode":"fail","rate":1.5}"#).as_deref(),
            Some("rate must be from 0 to 1, found 1.5")
        );
        assert!(fault(r#"{"mode":"fail","status":200}"#).is_some());
        assert!(fault(r#"{"mode":"slow","delayMs":600001}"#).is_some());
    }
}
