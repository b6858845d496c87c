//! Builds of the worker side by side: who gets work, how a new build is proved, and what the front says of all of it.

use std::collections::BTreeSet;

use keel_e2e::{Guest, Server, World, eventually, unique};
use serde_json::Value;

const PAGE: &str = include_str!("../../../../docs/metrics.md");

/// A world with a deployment of its own, since deployments belong to the namespace.
fn world() -> World {
    let mut world = World::new();
    world.set("KEEL__WORKER__DEPLOYMENT", &deployment(&world));
    world
}

fn deployment(world: &World) -> String {
    format!("d-{}", world.queue())
}

fn fleet(world: &World, arguments: &[&str]) -> keel_e2e::Output {
    let deployment = deployment(world);
    let arguments = [&["--output", "json", "fleet", "--deployment", &deployment], arguments].concat();
    world.keel(&arguments)
}

fn build<'a>(status: &'a Value, id: &str) -> &'a Value {
    let builds = status["builds"].as_array().expect("builds");
    builds.iter().find(|build| build["buildId"] == id).unwrap_or_else(|| panic!("no build {id}: {status}"))
}

fn place(world: &World) -> String {
    let id = unique("ORDER");
    let _ = world.keel(&["order", "submit", "--file", &world.order_file(&id, "CUST-1")]).ok();
    id
}

/// The order's workflow answers, which only a worker that has the run can do.
fn answers(world: &World, id: &str) {
    eventually("an order that a worker has", || {
        let shown = world.keel(&["order", "show", id, "--output", "json"]);
        (shown.code == Some(0) && shown.json()["source"] == "worker").then_some(())
    });
}

fn finish(world: &World, id: &str) {
    let _ = world.keel(&["order", "approve", id, "--by", "manager@company.com"]).ok();
    let _ = world.keel(&["order", "watch", id]).ok();
}

#[test]
fn a_build_is_proved_tried_and_takes_over_while_pinned_orders_finish_where_they_began() {
    let world = world();
    let a = world.start_build("a");
    let turned = fleet(&world, &["current", "a"]).ok().json();
    assert_eq!((&turned["previousCurrent"], &turned["changed"]), (&"unversioned".into(), &true.into()));
    assert_eq!(fleet(&world, &["current", "a"]).ok().json()["changed"], false);
    let old = place(&world);
    answers(&world, &old);

    let _b = world.start_build("b");
    let status = fleet(&world, &["status"]).ok().json();
    assert_eq!((&status["current"], &build(&status, "b")["status"]), (&"a".into(), &"inactive".into()));
    let passed = fleet(&world, &["gate", "b"]).ok().json();
    assert_eq!((&passed["buildId"], &passed["activity"]["buildId"]), (&"b".into(), &"b".into()), "{passed}");
    let ramp = fleet(&world, &["ramp", "b", "--percent", "100"]).ok().json();
    assert_eq!(ramp["ramping"]["percent"], 100.0, "{ramp}");
    let new = place(&world);
    answers(&world, &new);
    eventually("an open order on either build", || {
        let status = fleet(&world, &["status"]).ok().json();
        (build(&status, "a")["openRuns"] == 1 && build(&status, "b")["openRuns"] == 1).then_some(())
    });
    let unramped = fleet(&world, &["unramp"]).ok().json();
    assert_eq!((&unramped["ramping"], &unramped["changed"]), (&Value::Null, &true.into()));
    let _ = fleet(&world, &["current", "b"]).ok();
    let status = fleet(&world, &["status"]).ok().json();
    assert_eq!(status["builds"][0]["buildId"], "b", "the current build comes first: {status}");
    assert_eq!(build(&status, "b")["workers"][0]["kinds"].as_array().map(Vec::len), Some(2), "{status}");

    let refused = fleet(&world, &["forget", "b"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("make another build current first"), "{}", refused.stderr);
    finish(&world, &old);
    finish(&world, &new);
    assert!(a.log().contains(&old), "the pinned order was finished by the build it began on");
    assert_eq!(a.stop(), Some(0));
}

#[test]
fn open_orders_go_to_another_build_and_finish_there() {
    let world = world();
    let a = world.start_build("a");
    let _ = fleet(&world, &["current", "a"]).ok();
    let order = place(&world);
    answers(&world, &order);
    let b = world.start_build("b");
    eventually("an open order on the first build", || {
        let status = fleet(&world, &["status"]).ok().json();
        (build(&status, "a")["openRuns"] == 1).then_some(())
    });
    assert_eq!(a.stop(), Some(0));
    let moved = fleet(&world, &["move", "--from", "a", "--to", "b"]).ok().json();
    assert_eq!(moved["moved"], serde_json::json!([format!("order-{order}")]), "{moved}");
    assert_eq!((&moved["reset"], &moved["unproven"]), (&serde_json::json!([]), &serde_json::json!([])));
    let again = fleet(&world, &["move", "--from", "a", "--to", "b"]).ok().json();
    assert_eq!(again["moved"], serde_json::json!([]), "{again}");
    finish(&world, &order);
    assert!(b.log().contains(&order), "the order was finished by the build it was moved to");
    let refused = fleet(&world, &["move", "--from", "a", "--to", "ghost", "--timeout", "1s"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("no build `ghost`"), "{}", refused.stderr);
}

#[test]
fn a_build_that_is_not_there_is_named_and_waited_for_no_longer_than_asked() {
    let world = world();
    for command in [&["current", "ghost"][..], &["ramp", "ghost", "--percent", "5"], &["gate", "ghost"]] {
        let refused = fleet(&world, &[command, &["--timeout", "1s"]].concat());
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains("no build `ghost`"), "{}", refused.stderr);
    }
    let forgotten = fleet(&world, &["forget", "ghost"]).ok().json();
    assert_eq!(forgotten["changed"], false);
}

#[test]
fn a_gate_fails_while_the_build_cannot_see_its_data() {
    let world = world();
    let _a = world.start_build("a");
    std::fs::remove_dir_all(world.data()).expect("the data directory goes");
    let refused = fleet(&world, &["gate", "a"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("dataset.data_dir"), "{}", refused.stderr);
}

#[test]
fn a_build_without_runs_drains_and_is_forgotten_once_its_workers_are_gone() {
    let mut server = Server::new(&[
        "matching.wv.VersionDrainageStatusVisibilityGracePeriod=\"1s\"",
        "matching.wv.VersionDrainageStatusRefreshInterval=\"1s\"",
        "matching.PollerHistoryTTL=\"2s\"",
    ]);
    server.start();
    let mut world = World::on(&server.address());
    world.set("KEEL__WORKER__DEPLOYMENT", &deployment(&world));
    let a = world.start_build("a");
    let _ = fleet(&world, &["current", "a"]).ok();
    let _b = world.start_build("b");
    let order = place(&world);
    answers(&world, &order);
    let _ = fleet(&world, &["current", "b"]).ok();
    let status = fleet(&world, &["status"]).ok().json();
    assert_eq!(build(&status, "a")["status"], "draining", "an order is pinned to it: {status}");
    finish(&world, &order);
    eventually("a drained build", || {
        let status = fleet(&world, &["status"]).ok().json();
        (build(&status, "a")["drainage"]["status"] == "drained").then_some(())
    });
    assert_eq!(a.stop(), Some(0));
    eventually("a build that is forgotten", || {
        let forgotten = fleet(&world, &["forget", "a"]);
        (forgotten.code == Some(0)).then_some(())
    });
    let status = fleet(&world, &["status"]).ok().json();
    assert!(status["builds"].as_array().unwrap().iter().all(|build| build["buildId"] != "a"), "{status}");
}

#[test]
fn histories_of_real_runs_replay_and_changed_ones_are_refused() {
    let world = World::with_worker(&[]);
    let (done, open) = (place(&world), place(&world));
    finish(&world, &done);
    answers(&world, &open);
    let folder = world.dir().join("histories");
    let out = folder.display().to_string();
    let saved = eventually("both orders in the server's index", || {
        let saved = fleet(&world, &["histories", "--last", "10", "--out", &out, "--force"]).ok().json();
        (saved["saved"].as_array().map(Vec::len) == Some(2)).then_some(saved)
    });
    assert_eq!(
        (&saved["saved"][0]["status"], &saved["saved"][1]["status"]),
        (&"running".into(), &"completed".into())
    );
    let replayed = world.keel_worker(&["replay", &out]).ok();
    assert_eq!(replayed.stdout, "replay: runs=2 failed=0\n");

    let file = folder.join(saved["saved"][1]["file"].as_str().expect("a file"));
    let text = std::fs::read_to_string(&file).expect("a history");
    assert!(text.contains("chargePayment"), "{text}");
    std::fs::write(&file, text.replace("chargePayment", "chargeTwice")).expect("it is changed");
    let replayed = world.keel_worker(&["replay", &out]);
    assert_eq!(replayed.code, Some(1));
    assert!(replayed.stdout.contains(&format!("order-{done}: ")), "{}", replayed.stdout);
    assert!(replayed.stdout.ends_with("replay: runs=2 failed=1\n"), "{}", replayed.stdout);
}

/// A front of this world, with its address.
fn front(world: &World, workers: &str) -> (Guest, String) {
    let deployment = deployment(world);
    let arguments =
        ["fleet", "--deployment", &deployment, "serve", "--listen", "127.0.0.1:0", "--workers", workers];
    let front = world.start("keel", &arguments);
    let address = eventually("a front that listens", || {
        let log = front.log();
        Some(log.split_once("listens on ")?.1.lines().next()?.trim().to_owned())
    });
    (front, address)
}

fn get(address: &str, path: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(keel_e2e::DEADLINE))
        .http_status_as_error(false)
        .build()
        .into();
    let mut answer = agent.get(format!("http://{address}{path}")).call().expect("an answer");
    (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
}

#[test]
fn the_front_says_how_the_fleet_is_with_and_without_a_worker() {
    let mut world = world();
    let (nobody, address) = front(&world, "http://127.0.0.1:1");
    let (status, text) = get(&address, "/health");
    assert!(status == 503 && text.contains("sends new runs there"), "{status} {text}");
    assert_eq!(get(&address, "/livez").0, 200);
    let alive = world.keel(&["fleet", "healthcheck", "--listen", &address]).ok();
    assert_eq!(alive.stdout, "ok\n");
    assert_eq!(world.keel(&["fleet", "healthcheck", "--listen", &address, "--ready"]).code, Some(1));
    assert_eq!(nobody.stop(), Some(0));

    world.set("KEEL__WORKER__BUILD_ID", "a");
    world.start_worker();
    let _ = fleet(&world, &["current", "a"]).ok();
    let (_front, address) = front(&world, &format!("http://{}", world.http_address()));
    let health = eventually("a fleet that is well", || {
        let (status, text) = get(&address, "/health");
        (status == 200).then(|| serde_json::from_str::<Value>(&text).expect("JSON"))
    });
    assert_eq!(health["details"]["fleet"]["current"], "a");
    assert_eq!(health["details"]["workers"][0]["buildId"], "a");
    let _ = world.keel(&["fleet", "healthcheck", "--listen", &address, "--ready"]).ok();
    let (_, text) = get(&address, "/metrics");
    let pollers =
        format!("keel_fleet_pollers{{build_id=\"a\",queue=\"{}\",kind=\"workflow\"}} 1\n", world.queue());
    assert!(text.contains(&pollers), "{text}");
    let page = PAGE.split("\n## The front's").nth(1).expect("the front's part of the page");
    let page = page.split("\n## ").next().expect("a split has a first part");
    let explained: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let shown: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(|name| name.starts_with("keel_fleet_"))
        .collect();
    assert_eq!(shown, explained);
}
