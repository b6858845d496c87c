//! Alerts about a server that is away.

use keel_e2e::{Prometheus, Server, World, eventually};

use super::serve;

#[test]
fn a_server_that_is_away_leaves_no_worker_ready() {
    let mut server = Server::new(&[]);
    server.start();
    let mut world = World::on(&server.address());
    let worker = serve(&mut world, &[]);
    let prometheus = Prometheus::over_stack(&[worker], &server.metrics(), 60);
    eventually("a worker that says it is ready", || {
        (prometheus.value("keel_worker_ready")? > 0.0).then_some(())
    });
    server.kill();
    let _ = prometheus.fires("TemporalServerDown", || {});
    let _ = prometheus.fires("KeelWorkerNotReady", || {});
    let _ = prometheus.fires("KeelNoWorkerReady", || {});
    server.start();
    eventually("a worker that is ready again", || {
        (prometheus.value("keel_worker_ready")? > 0.0).then_some(())
    });
}
