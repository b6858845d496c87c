//! The server itself: whether it lets us in, what it is, its namespace, its clock.

use std::time::Duration;

use keel_client::{Caller, diagnosis};
use keel_temporal::{ConnectError, SearchAttributesError, check_search_attributes};
use keel_types::names::search_attribute;
use serde_json::json;

use super::report::{Checkup, Family};
use crate::output::Failure;
use crate::settings::Context;

/// Clocks further apart than this mislead people; timeouts are the server's own and do not suffer.
const SKEW_TO_WATCH: Duration = Duration::from_secs(1);
/// Beyond this, credentials and certificates begin to be refused.
const SKEW_TO_FAIL: Duration = Duration::from_secs(60);

/// Connects as every program does, and looks at what answers.
pub(super) async fn examine(context: &Context, checkup: &mut Checkup) -> Option<Caller> {
    let caller = match context.connect().await {
        Ok(caller) => caller,
        Err(failure) => {
            refused(failure, checkup);
            return None;
        }
    };
    checkup.ok(Family::Authentication, "the server lets us in", json!({}));
    match diagnosis::server(&caller).await {
        Ok(server) => {
            let able = |able: bool| if able { "yes" } else { "no" };
            checkup.ok(
                Family::Server,
                format!(
                    "Temporal {}; schedules {}, build ids {}, eager start {}, nexus {}",
                    server.version,
                    able(server.schedules),
                    able(server.build_ids),
                    able(server.eager_start),
                    able(server.nexus)
                ),
                json!(server),
            );
        }
        Err(error) => checkup.warn(
            Family::Server,
            format!("it does not say what it is: {error}"),
            "nothing, if a gateway hides it; else see the server's log",
        ),
    }
    namespace(&caller, checkup).await;
    Some(caller)
}

/// Which layer a failed connection is about.
fn refused(failure: Failure, checkup: &mut Checkup) {
    let Failure::Error(error) = failure else { return };
    let Some(error) = error.downcast_ref::<ConnectError>() else {
        return checkup.fail(Family::Server, error.to_string(), "see the message");
    };
    match error {
        ConnectError::Tls { .. } => {
            checkup.broken(Family::Tls, error, "check temporal.tls");
            checkup.skip(Family::Authentication, "TLS does not come about");
            checkup.skip(Family::Namespace, "TLS does not come about");
        }
        ConnectError::Credentials { .. } => {
            checkup.broken(Family::Authentication, error, "renew the key or the certificate");
            checkup.skip(Family::Namespace, "the server does not let us in");
        }
        ConnectError::NamespaceNotFound { .. } => {
            checkup.ok(Family::Authentication, "the server lets us in", json!({}));
            checkup.broken(Family::Namespace, error, "create the namespace, or name another");
        }
        _ => {
            checkup.broken(
                Family::Server,
                error,
                "check that a Temporal frontend listens there, and its log",
            );
            checkup.skip(Family::Authentication, "the server does not answer");
            checkup.skip(Family::Namespace, "the server does not answer");
        }
    }
}

async fn namespace(caller: &Caller, checkup: &mut Checkup) {
    let name = caller.namespace().to_owned();
    match diagnosis::namespace(caller).await {
        Ok(view) => {
            let days = view.retention_hours.map_or_else(
                || "for an unknown time".to_owned(),
                |hours| format!("for {} days ({hours} h)", hours / 24),
            );
            let polls = if view.answers_leaving_workers {
                "answered"
            } else {
                "dropped (frontend.enableCancelWorkerPollsOnShutdown is off)"
            };
            let detail = format!(
                "{name} is {}; closed runs are kept {days}; polls of leaving workers are {polls}",
                view.state
            );
            if view.retention_hours.is_some_and(|hours| hours < 24) {
                let next = "raise it, or what went wrong yesterday cannot be looked at today";
                checkup.warn(Family::Namespace, detail, next);
                checkup.figures(json!(view));
            } else {
                checkup.ok(Family::Namespace, detail, json!(view));
            }
        }
        Err(error) => checkup.broken(Family::Namespace, &error, "check the permissions of the credentials"),
    }
}

pub(super) async fn attributes(caller: &Caller, checkup: &mut Checkup) {
    let names = search_attribute::ALL;
    match check_search_attributes(caller.connection(), &names).await {
        Ok(()) => checkup.ok(
            Family::SearchAttributes,
            format!("{} are registered", names.join(", ")),
            json!({"names": names}),
        ),
        Err(error @ SearchAttributesError::Missing { .. }) => {
            checkup.broken(Family::SearchAttributes, &error, "register them");
        }
        Err(error) => {
            checkup.warn(Family::SearchAttributes, error.to_string(), "look in the web UI of the server");
        }
    }
}

/// How far the server's clock is from ours.
pub(super) async fn clock(caller: &Caller, checkup: &mut Checkup) {
    let skew = match diagnosis::clock_skew(caller).await {
        Ok(Some(skew)) => skew,
        Ok(None) => return checkup.skip(Family::Clock, "the server did not show its clock in time"),
        Err(error) => return checkup.skip(Family::Clock, format!("it cannot be measured: {error}")),
    };
    let detail = skew.to_string();
    let next = "set the clocks by NTP, here and on the server";
    let least = skew.least();
    if least > SKEW_TO_FAIL {
        checkup.fail(Family::Clock, detail, next);
    } else if least > SKEW_TO_WATCH {
        checkup.warn(Family::Clock, detail, next);
    } else {
        checkup.ok(Family::Clock, detail, json!({}));
    }
    checkup.figures(json!(skew));
}
