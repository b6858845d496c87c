//! What is submitted: the orders with the end each must have, and the datasets.

use serde_json::{Value, json};

/// Orders in a run.
pub const ORDERS: usize = 200;
/// Datasets in a run.
pub const DATASETS: usize = 5;
/// Rows of each dataset.
pub const ROWS: u64 = 200_000;
/// How often the worker is killed.
pub const KILLS: usize = 10;

/// How an order must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Charged, shipped, completed.
    Completed,
    /// Declined by the payment provider.
    Declined,
    /// Charged, refused by the courier, refunded.
    Refused,
}

impl Ending {
    /// The status in the store.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Declined | Self::Refused => "failed",
        }
    }

    /// The status of the workflow.
    pub const fn workflow(self) -> &'static str {
        match self {
            Self::Completed => "COMPLETED",
            Self::Declined | Self::Refused => "FAILED",
        }
    }

    /// The failure type, where it fails.
    pub const fn failure(self) -> Option<&'static str> {
        match self {
            Self::Completed => None,
            Self::Declined => Some("PAYMENT_DECLINED"),
            Self::Refused => Some("SHIPMENT_REFUSED"),
        }
    }
}

/// One order of the run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its id.
    pub id: String,
    /// How it must end.
    pub ending: Ending,
    /// What is bought.
    pub lines: Vec<(String, u64)>,
}

impl Planned {
    /// The order as the wire contract has it.
    pub fn object(&self) -> Value {
        let customer = match self.ending {
            Ending::Completed => "CUST",
            Ending::Declined => "DECLINE",
            Ending::Refused => "NOSHIP",
        };
        let lines: Vec<_> = self
            .lines
            .iter()
            .map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity, "unitPriceMinor": 1990}))
            .collect();
        json!({
            "orderId": self.id,
            "customerId": format!("{customer}-{}", self.id),
            "currency": "EUR",
            "lines": lines,
            "requestedBy": "clerk@company.com",
        })
    }
}

/// The orders: of each ten one is declined and one is refused.
pub fn orders(skus: &[String], random: &mut Random) -> Vec<Planned> {
    (0..ORDERS)
        .map(|index| {
            let ending = match index % 10 {
                3 => Ending::Declined,
                7 => Ending::Refused,
                _ => Ending::Completed,
            };
            let count = random.between(1, 3).min(u64::try_from(skus.len()).unwrap_or(1));
            let first = random.between(0, u64::try_from(skus.len() - 1).unwrap_or(0));
            let lines = (first..first + count)
                .map(|at| {
                    let at = usize::try_from(at).unwrap_or(0) % skus.len();
                    (skus[at].clone(), random.between(1, 3))
                })
                .collect();
            Planned { id: format!("CHAOS-{index:04}"), ending, lines }
        })
        .collect()
}

/// The id of a dataset.
pub fn dataset_id(index: usize) -> String {
    format!("CHAOS-DATA-{index}")
}

/// The seed of a dataset's content.
pub fn dataset_seed(index: usize) -> u64 {
    1_000 + u64::try_from(index).unwrap_or(0)
}

/// SplitMix64: small, and the same everywhere.
#[derive(Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The sequence of a seed.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A seed nobody chose.
    pub fn fresh_seed() -> u64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::from(now.subsec_nanos()) ^ (now.as_secs() << 12) & 0xFFFF_FFFF
    }

    /// A number from `low` to `high`, both included.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        low + (mixed ^ (mixed >> 31)) % (high - low + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, ORDERS, Random, orders};

    #[test]
    fn a_tenth_is_declined_and_a_tenth_refused() {
        let skus = ["A".to_owned(), "B".to_owned()];
        let planned = orders(&skus, &mut Random::new(1));
        let count = |ending| planned.iter().filter(|order| order.ending == ending).count();
        assert_eq!((count(Ending::Declined), count(Ending::Refused)), (ORDERS / 10, ORDERS / 10));
        assert!(planned.iter().all(|order| !order.lines.is_empty() && order.lines.len() <= skus.len()));
        assert!(planned[3].object()["customerId"].as_str().unwrap().starts_with("DECLINE"));
    }

    #[test]
    fn a_seed_repeats_its_numbers() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            [random.between(5, 9), random.between(5, 9), random.between(0, 1_000_000)]
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        assert!(numbers(7)[..2].iter().all(|number| (5..=9).contains(number)));
    }
}
