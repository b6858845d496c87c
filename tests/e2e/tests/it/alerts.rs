//! Alerts that are seen to fire: a real Prometheus over a real worker, with the fault each is about.
//!
//! The rules are the delivered ones on a faster clock (see `keel_e2e::Prometheus`). `docs/runbook.md` says which alerts are
//! shown here and which by their unit tests alone.

mod orders;
mod processes;
mod server;
mod tasks;

use keel_e2e::{Prometheus, World, free_port, unique};

/// A world whose worker keeps its address over restarts, and a Prometheus that watches it.
fn watched(settings: &[(&str, &str)]) -> (World, Prometheus) {
    let mut world = World::new();
    let prometheus = start(&mut world, settings);
    (world, prometheus)
}

/// Starts the worker of `world` and a Prometheus that watches it.
fn start(world: &mut World, settings: &[(&str, &str)]) -> Prometheus {
    Prometheus::over(&serve(world, settings))
}

/// Starts the worker of `world` on an address that it keeps, and returns that.
fn serve(world: &mut World, settings: &[(&str, &str)]) -> String {
    let address = format!("127.0.0.1:{}", free_port());
    world.set("KEEL__HTTP__LISTEN", &address);
    for (key, value) in settings {
        world.set(key, value);
    }
    world.start_worker();
    address
}

/// Places an order of `customer`; it waits for a decision.
fn submit(world: &World, customer: &str) -> String {
    let id = unique("ORDER");
    let file = world.order_file(&id, customer);
    let _ = world.keel(&["order", "submit", "--file", &file]).ok();
    id
}

/// Places an order and approves it.
fn approved(world: &World, customer: &str) -> String {
    let id = submit(world, customer);
    let _ = world.keel(&["order", "approve", &id, "--by", "manager@company.com"]).ok();
    id
}
