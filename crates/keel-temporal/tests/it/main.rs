//! Connecting to a real server, and to everything that is not one.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use keel_config::TemporalSection;
use keel_temporal::{
    ConnectError, Instruments, SearchAttributesError, Wait, check_search_attributes, connect,
};

fn server() -> String {
    std::env::var("KEEL_TEST_TEMPORAL_ADDRESS")
        .expect("set KEEL_TEST_TEMPORAL_ADDRESS or run `cargo xtask test`")
}

fn section(address: &str) -> TemporalSection {
    TemporalSection {
        address: address.to_owned(),
        connect_timeout: Duration::from_secs(3),
        ..TemporalSection::default()
    }
}

async fn error(section: &TemporalSection) -> ConnectError {
    match connect(section, "test", &Instruments::default(), Wait::none()).await {
        Ok(_) => panic!("{} should not connect", section.address),
        Err(error) => error,
    }
}

#[tokio::test]
async fn connects_and_knows_the_search_attributes() {
    let client =
        connect(&section(&server()), "test", &Instruments::default(), Wait::up_to(Duration::from_secs(10)))
            .await
            .unwrap();
    check_search_attributes(&client, &["OrderStatus", "CustomerId", "TaskStep"]).await.unwrap();
    let missing = check_search_attributes(&client, &["OrderStatus", "NoSuchThing"]).await.unwrap_err();
    let SearchAttributesError::Missing { names, command, .. } = &missing else { panic!("{missing}") };
    assert_eq!(names, &["NoSuchThing"]);
    assert!(missing.to_string().contains(command), "{missing}");
}

#[tokio::test]
async fn a_missing_namespace_is_told_with_the_command_that_makes_it() {
    let mut section = section(&server());
    section.namespace = "no-such-namespace".to_owned();
    let error = error(&section).await;
    assert!(matches!(error, ConnectError::NamespaceNotFound { .. }), "{error:?}");
    assert!(
        error.to_string().contains("namespace create --namespace no-such-namespace --address "),
        "{error}"
    );
}

#[tokio::test]
async fn tls_to_a_plain_server_is_told_as_such() {
    let mut section = section(&server());
    section.address = section.url().unwrap().as_str().replace("http://", "https://");
    let error = error(&section).await;
    let ConnectError::Tls { remedy, .. } = &error else { panic!("{error:?}") };
    assert!(remedy.contains("not to speak TLS"), "{error}");
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_name_are_told_apart() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let refused = error(&section(&closed.to_string())).await;
    assert!(matches!(refused, ConnectError::Refused { .. }), "{refused:?}");
    assert!(refused.to_string().contains("cargo xtask up"), "{refused}");
    let unknown = error(&section("no-such-host.invalid")).await;
    assert!(matches!(unknown, ConnectError::Unresolved { .. }), "{unknown:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_ends_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut section = section(&listener.local_addr().unwrap().to_string());
    section.connect_timeout = Duration::from_millis(300);
    let started = Instant::now();
    let error = error(&section).await;
    assert!(matches!(error, ConnectError::Silent { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn waiting_is_bounded_and_wrong_settings_do_not_wait() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let started = Instant::now();
    let waited = connect(
        &section(&closed.to_string()),
        "test",
        &Instruments::default(),
        Wait::up_to(Duration::from_millis(1200)),
    )
    .await;
    assert!(matches!(waited, Err(ConnectError::Refused { .. })));
    assert!((500..5_000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    let started = Instant::now();
    let wrong =
        connect(&section("ftp://x"), "test", &Instruments::default(), Wait::up_to(Duration::from_secs(60)))
            .await;
    assert!(matches!(wrong, Err(ConnectError::Settings { .. })));
    assert!(started.elapsed() < Duration::from_secs(1));
}
