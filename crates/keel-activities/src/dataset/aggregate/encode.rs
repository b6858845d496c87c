//! How sums look inside of a checkpoint.
//!
//! A map from currency code to `[total, days, regions, skus, customers]`; a sum is four integers, `[revenue / 2^64,
//! revenue % 2^64, quantity, rows]`, because not every encoder on the way of a heartbeat knows integers of 128 bits.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Aggregates, Groups, Sums};

impl Serialize for Sums {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let high = u64::try_from(self.revenue >> 64).unwrap_or(u64::MAX);
        let low = u64::try_from(self.revenue & u128::from(u64::MAX)).unwrap_or(u64::MAX);
        [high, low, self.quantity, self.rows].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sums {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [high, low, quantity, rows] = <[u64; 4]>::deserialize(deserializer)?;
        Ok(Self { revenue: (u128::from(high) << 64) | u128::from(low), quantity, rows })
    }
}

impl Serialize for Groups {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, sums) in self.iter() {
            map.serialize_entry(key.text(), &sums)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Groups {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Groups;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("sums by key")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Groups, M::Error> {
                let mut groups = Groups::default();
                while let Some((key, sums)) = map.next_entry::<Cow<'de, str>, Sums>()? {
                    groups.add_text(&key, sums);
                }
                Ok(groups)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

impl Serialize for Aggregates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.currencies.len()))?;
        for sums in &self.currencies {
            map.serialize_entry(&String::from_utf8_lossy(&sums.code), &(&sums.total, &sums.groups))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Aggregates {
    /// The limit of keys is not part of a checkpoint; see [`Aggregates::limit_keys`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Currencies;
        impl<'de> Visitor<'de> for Currencies {
            type Value = Aggregates;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("sums by currency")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Aggregates, M::Error> {
                let mut aggregates = Aggregates::new(usize::MAX);
                while let Some((code, sums)) = map.next_entry::<String, (Sums, [Groups; 4])>()? {
                    let code = code.as_bytes().try_into().map_err(M::Error::custom)?;
                    aggregates.restore(code, sums.0, sums.1);
                }
                Ok(aggregates)
            }
        }
        deserializer.deserialize_map(Currencies)
    }
}
