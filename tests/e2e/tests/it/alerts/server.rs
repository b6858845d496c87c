//! Alerts about a server that is away.

use keel_e2e::{Server, World, eventually};

use super::start;

#[test]
fn a_server_that_is_away_leaves_no_worker_ready() {
    let mut server = Server::new(&[]);
    server.start();
    let mut world = World::on(&server.address());
    let prometheus = start(&mut world, &[]);
    eventually("a worker that says it is ready", || {
        (prometheus.value("keel_worker_ready")? > 0.0).then_some(())
    });
    server.kill();
    let _ = prometheus.fires("KeelWorkerNotReady", || {});
    let _ = prometheus.fires("KeelNoWorkerReady", || {});
    server.start();
    eventually("a worker that is ready again", || {
        (prometheus.value("keel_worker_ready")? > 0.0).then_some(())
    });
}
