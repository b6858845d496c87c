//! A worker outlives what it depends on, says what is wrong, and recovers without a restart.

use keel_e2e::{Server, World, eventually, unique};

/// Places and completes one order on the server at `address`.
fn complete_an_order(world: &World, address: &str) {
    let id = unique("ORDER");
    let file = world.order_file(&id, "CUST-1");
    let _ = world.keel(&["order", "submit", "--file", &file, "--address", address]).ok();
    let _ = world.keel(&["order", "approve", &id, "--by", "m@company.com", "--address", address]).ok();
    let _ = world.keel(&["order", "watch", &id, "--address", address]).ok();
    assert_eq!(world.effects(&id), [1, 0, 1, 0]);
}

#[test]
fn a_server_that_comes_late_and_goes_away_is_waited_for() {
    let mut world = World::new();
    let mut server = Server::new(&[]);
    let address = server.address();
    world.set("TEMPORAL_ADDRESS", &address);
    world.launch_worker();
    let why = world.readiness(503);
    eventually("the reason", || {
        world.get("/readyz").1.contains(&format!("http://{address}: nothing listens there")).then_some(())
    });
    assert!(why.contains("temporal"), "{why}");
    assert_eq!(world.get("/livez").0, 200);

    server.start();
    let _ = world.readiness(200);
    complete_an_order(&world, &address);

    server.kill();
    let why = world.readiness(503);
    assert!(why.contains(&address), "{why}");
    assert_eq!(world.get("/livez").0, 200);
    server.start();
    let _ = world.readiness(200);
    complete_an_order(&world, &address);
    let lines = world.worker_log().lines().filter(|line| line.contains("nothing listens there")).count();
    assert_eq!(lines, 1, "one line for each change:\n{}", world.worker_log());

    server.kill();
    let _ = world.readiness(503);
    let (code, log) = world.stop_worker();
    assert_eq!(code, Some(0), "a stop works without a server: {log}");
}

#[test]
fn a_namespace_that_is_not_there_is_named_and_waited_for() {
    let mut world = World::new();
    let mut server = Server::new(&[]);
    server.start();
    world.set("TEMPORAL_ADDRESS", &server.address());
    world.set("TEMPORAL_NAMESPACE", "shop");
    world.launch_worker();
    let says = |words: &str| {
        eventually(words, || {
            let (status, text) = world.get("/readyz");
            (status == 503 && text.contains(words)).then_some(())
        });
    };
    says("temporal operator namespace create --namespace shop");
    let _ = server.call(&["operator", "namespace", "create", "-n", "shop"]).ok();
    says("temporal operator search-attribute create --namespace shop");
    let mut create = vec!["operator", "search-attribute", "create", "-n", "shop"];
    for name in ["OrderStatus", "CustomerId", "TaskStep"] {
        create.extend(["--name", name, "--type", "Keyword"]);
    }
    let _ = server.call(&create).ok();
    let _ = world.readiness(200);
}

#[test]
fn a_script_may_ask_for_an_end_instead_of_a_wait() {
    let mut world = World::new();
    world.set("TEMPORAL_ADDRESS", "127.0.0.1:1");
    world.set("KEEL__WORKER__CONNECT_WITHIN", "1s");
    let output = world.keel_worker(&[]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    for words in ["worker.connect_within", "127.0.0.1:1"] {
        assert!(output.stderr.contains(words), "{words} is not in {output:#?}");
    }
}
