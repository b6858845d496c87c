//! Sums over the good rows: per currency in total, and by day, region, SKU and customer.
//!
//! All sums are commutative and exact, so it makes no difference which thread saw which row, or in which order.

mod encode;

use std::fmt;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::key::{Field, Key, SHORT, pack};
use super::row::OrderLine;

/// Sums over some rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Minor units of one currency. A file of 2^64 rows would be needed to overflow it.
    pub(super) revenue: u128,
    pub(super) quantity: u64,
    pub(super) rows: u64,
}

impl Sums {
    #[inline]
    fn add(&mut self, other: Self) {
        self.revenue += other.revenue;
        self.quantity += other.quantity;
        self.rows += other.rows;
    }
}

/// What rows are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The day of `placed_at`.
    Days,
    /// `region`
    Regions,
    /// `sku`
    Skus,
    /// `customer_id`
    Customers,
}

impl Dimension {
    pub(super) const ALL: [Self; 4] = [Self::Days, Self::Regions, Self::Skus, Self::Customers];
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Days => "days",
            Self::Regions => "regions",
            Self::Skus => "SKUs",
            Self::Customers => "customers",
        })
    }
}

/// There are more keys in this dimension than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany(pub(super) Dimension);

/// Sums by key. Short keys, nearly all of them, are integers and need no allocation and no pointer to follow.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    short: HashMap<u128, Sums>,
    long: HashMap<Box<str>, Sums>,
}

impl Groups {
    /// Adds to a key; true if the key is new.
    #[inline]
    fn add(&mut self, key: Field<'_>, sums: Sums) -> bool {
        if key.len() > SHORT {
            return self.add_long(&String::from_utf8_lossy(key.bytes()), sums);
        }
        add_to(self.short.entry(key.packed()), sums)
    }

    #[cold]
    fn add_long(&mut self, key: &str, sums: Sums) -> bool {
        if let Some(known) = self.long.get_mut(key) {
            known.add(sums);
            return false;
        }
        self.long.insert(key.into(), sums);
        true
    }

    /// As [`Groups::add`], for text.
    fn add_text(&mut self, key: &str, sums: Sums) -> bool {
        if key.len() > SHORT { self.add_long(key, sums) } else { add_to(self.short.entry(pack(key)), sums) }
    }

    fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// Every key with its sums, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key<'_>, Sums)> {
        let short = self.short.iter().map(|(key, sums)| (Key::unpack(*key), *sums));
        short.chain(self.long.iter().map(|(key, sums)| (Key::Long(key), *sums)))
    }

    /// Adds everything of `other`; returns how many keys are new.
    fn merge(&mut self, other: &Self) -> usize {
        let mut new = 0;
        for (key, sums) in &other.short {
            new += usize::from(add_to(self.short.entry(*key), *sums));
        }
        for (key, sums) in &other.long {
            new += usize::from(self.add_long(key, *sums));
        }
        new
    }
}

#[inline]
fn add_to<S: core::hash::BuildHasher>(entry: Entry<'_, u128, Sums, S>, sums: Sums) -> bool {
    match entry {
        Entry::Occupied(mut known) => {
            known.get_mut().add(sums);
            false
        }
        Entry::Vacant(new) => {
            new.insert(sums);
            true
        }
    }
}

/// The sums of one currency.
#[derive(Clone, Debug)]
pub(super) struct CurrencySums {
    pub(super) code: [u8; 3],
    pub(super) total: Sums,
    /// By dimension, in the order of [`Dimension::ALL`].
    pub(super) groups: [Groups; 4],
}

/// The sums of everything one thread has seen. Those of two threads stand side by side, and must not share a cache line.
#[derive(Clone, Debug)]
#[repr(align(128))]
pub(super) struct Aggregates {
    /// Most keys of one dimension over all currencies.
    limit: usize,
    keys: [usize; 4],
    currencies: Vec<CurrencySums>,
    /// Index of the currency of the last row.
    last: usize,
}

impl Aggregates {
    pub(super) const fn new(max_distinct_keys: usize) -> Self {
        Self { limit: max_distinct_keys, keys: [0; 4], currencies: Vec::new(), last: 0 }
    }

    /// Counts a good row.
    #[inline]
    pub(super) fn add(&mut self, line: &OrderLine<'_>) -> Result<(), TooMany> {
        let sums = Sums { revenue: u128::from(line.amount), quantity: u64::from(line.quantity), rows: 1 };
        let currency = currency(&mut self.currencies, &mut self.last, line.currency);
        currency.total.add(sums);
        let [days, regions, skus, customers] = &mut currency.groups;
        let new = [
            days.add(line.day, sums),
            regions.add(line.region, sums),
            skus.add(line.sku, sums),
            customers.add(line.customer, sums),
        ];
        if new == [false; 4] { Ok(()) } else { self.count_new(new.map(usize::from)) }
    }

    /// Adds everything `other` has counted.
    pub(super) fn merge(&mut self, other: &Self) -> Result<(), TooMany> {
        for theirs in &other.currencies {
            let ours = currency(&mut self.currencies, &mut self.last, theirs.code);
            ours.total.add(theirs.total);
            let mut new = [0; 4];
            for ((ours, theirs), new) in ours.groups.iter_mut().zip(&theirs.groups).zip(&mut new) {
                *new = ours.merge(theirs);
            }
            self.count_new(new)?;
        }
        Ok(())
    }

    /// Puts back what was read from a checkpoint.
    fn restore(&mut self, code: [u8; 3], total: Sums, groups: [Groups; 4]) {
        for (count, groups) in self.keys.iter_mut().zip(&groups) {
            *count += groups.len();
        }
        self.currencies.push(CurrencySums { code, total, groups });
    }

    /// Sets how many keys a dimension may have from now on.
    pub(super) const fn limit_keys(&mut self, max_distinct_keys: usize) {
        self.limit = max_distinct_keys;
    }

    /// How many keys are held in all.
    pub(super) fn key_count(&self) -> usize {
        self.keys.iter().sum()
    }

    pub(super) fn currencies(&self) -> &[CurrencySums] {
        &self.currencies
    }

    #[cold]
    fn count_new(&mut self, new: [usize; 4]) -> Result<(), TooMany> {
        for ((count, new), dimension) in self.keys.iter_mut().zip(new).zip(Dimension::ALL) {
            *count += new;
            if *count > self.limit {
                return Err(TooMany(dimension));
            }
        }
        Ok(())
    }
}

#[inline]
fn currency<'a>(all: &'a mut Vec<CurrencySums>, last: &mut usize, code: [u8; 3]) -> &'a mut CurrencySums {
    if all.get(*last).is_none_or(|sums| sums.code != code) {
        *last = find_currency(all, code);
    }
    &mut all[*last]
}

#[cold]
fn find_currency(all: &mut Vec<CurrencySums>, code: [u8; 3]) -> usize {
    all.iter().position(|sums| sums.code == code).unwrap_or_else(|| {
        all.push(CurrencySums { code, total: Sums::default(), groups: Default::default() });
        all.len() - 1
    })
}
