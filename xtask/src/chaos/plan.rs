//! What is submitted: the orders with the end each must have, and the datasets.

use crate::judge::{Ending, Planned};
use crate::random::Random;

/// Orders in a run.
pub const ORDERS: usize = 200;
/// Datasets in a run.
pub const DATASETS: usize = 5;
/// Rows of each dataset.
pub const ROWS: u64 = 200_000;
/// How often the worker is killed.
pub const KILLS: usize = 10;

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

#[cfg(test)]
mod tests {
    use super::{Ending, ORDERS, orders};
    use crate::random::Random;

    #[test]
    fn a_tenth_is_declined_and_a_tenth_refused() {
        let skus = ["A".to_owned(), "B".to_owned()];
        let planned = orders(&skus, &mut Random::new(1));
        let count = |ending| planned.iter().filter(|order| order.ending == ending).count();
        assert_eq!((count(Ending::Declined), count(Ending::Refused)), (ORDERS / 10, ORDERS / 10));
        assert!(planned.iter().all(|order| !order.lines.is_empty() && order.lines.len() <= skus.len()));
        assert!(planned[3].object()["customerId"].as_str().unwrap().starts_with("DECLINE"));
    }
}
