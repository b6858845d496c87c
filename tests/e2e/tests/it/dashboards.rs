//! Every panel of every dashboard, asked against a Prometheus over a real stack under load.

use keel_e2e::{Prometheus, Server, World, free_port, unique};

/// Four scrapes of half a second, and enough of them for slow machines.
const RATE: &str = "10s";
/// The load runs meanwhile; less than the longest wait of a test.
const PATIENCE: &str = "45";

#[test]
fn every_panel_returns_data_on_a_stack_under_load() {
    // How often the server tells how much waits in a queue; a minute as delivered.
    let mut server = Server::new(&["matching.backlogMetricsEmitInterval=\"2s\""]);
    server.start();
    let mut world = World::on(&server.address());
    let [one, two] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
    world.set("KEEL__HTTP__LISTEN", &one);
    world.set("KEEL__WORKER__BUILD_ID", "build-1");
    world.set("KEEL__DATASET__MAX_BYTES_PER_SECOND", "500000");
    world.start_worker();
    let _other = world.another_worker(&two, "build-2");
    // A build gets work once it is told to take some.
    let _ = world.keel(&["fleet", "current", "build-1"]).ok();
    let _ = world.keel(&["fleet", "ramp", "build-2", "--percent", "50"]).ok();
    let (task, dataset) = (unique("TASK"), unique("DATA"));
    for (id, rows) in [(&task, "100"), (&dataset, "30000")] {
        let _ = world.keel(&["dataset", "generate", id, "--rows", rows, "--seed", "1"]).ok();
    }
    let prometheus = Prometheus::over_stack(&[one, two], &server.metrics(), 1);
    let _load = world.load(4, &task, &dataset);

    let check = ["dashboards", "--check", "--prometheus", prometheus.url(), "--range", "60"];
    let checked = world.xtask(&[&check[..], &["--rate-interval", RATE, "--wait", PATIENCE]].concat()).ok();
    assert!(checked.stdout.contains("each returns data"), "{checked:#?}");

    // The check can fail, and says where: no rate has a value over less than two scrapes.
    let refused = world.xtask(&[&check[..], &["--rate-interval", "1ms"]].concat());
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert!(refused.stderr.contains("Orders / Steps done / {{step}}: no data"), "{refused:#?}");
    let invalid = world.xtask(&[&check[..], &["--rate-interval", "soon"]].concat());
    assert!(invalid.stderr.contains("Orders / Steps done / {{step}}: refused: "), "{invalid:#?}");
}
