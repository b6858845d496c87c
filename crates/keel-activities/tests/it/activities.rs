//! The order activities against the real sandbox and a real store.

mod faults;
mod resilience;
mod saga;
mod world;
