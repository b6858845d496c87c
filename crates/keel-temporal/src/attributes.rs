//! Whether the namespace has the search attributes that workflows set.

use std::time::Duration;

use temporalio_client::Client;
use temporalio_client::tonic::{Request, Status};
use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;
use temporalio_common::protos::temporal::api::operatorservice::v1::ListSearchAttributesRequest;

const LIMIT: Duration = Duration::from_secs(10);

/// Why the search attributes are not known to be there.
#[derive(Debug, thiserror::Error)]
pub enum SearchAttributesError {
    /// Some are not registered, or have another type than `Keyword`.
    #[error(
        "namespace `{namespace}` lacks the search attributes {}; without them workflows that set them stand still; \
         register them with `{}`", .names.join(", "), .command
    )]
    Missing {
        /// The namespace.
        namespace: String,
        /// What is missing, in the order asked for.
        names: Vec<String>,
        /// The command that registers exactly these.
        command: String,
    },
    /// The server does not let us look, as some hosted servers do not.
    #[error(
        "cannot list the search attributes of namespace `{namespace}`; check by hand that they are registered"
    )]
    Unreadable {
        /// The namespace.
        namespace: String,
        /// The server's answer.
        #[source]
        source: Box<Status>,
    },
}

/// Checks that every name in `wanted` is a registered search attribute of type `Keyword`.
///
/// # Errors
/// [`SearchAttributesError::Missing`] names the missing ones with the command that registers them;
/// [`SearchAttributesError::Unreadable`] when the server refuses to list them.
pub async fn check_search_attributes(client: &Client, wanted: &[&str]) -> Result<(), SearchAttributesError> {
    let namespace = client.options().namespace.clone();
    let mut request = Request::new(ListSearchAttributesRequest { namespace: namespace.clone() });
    request.set_timeout(LIMIT);
    let mut service = client.connection().operator_service();
    let answer = match tokio::time::timeout(LIMIT, service.list_search_attributes(request)).await {
        Ok(Ok(answer)) => answer.into_inner(),
        Ok(Err(status)) => {
            return Err(SearchAttributesError::Unreadable { namespace, source: Box::new(status) });
        }
        Err(_) => {
            let source = Box::new(Status::deadline_exceeded(format!("no answer within {LIMIT:?}")));
            return Err(SearchAttributesError::Unreadable { namespace, source });
        }
    };
    let keyword = IndexedValueType::Keyword as i32;
    let known = &answer.custom_attributes;
    let names: Vec<String> = wanted
        .iter()
        .filter(|name| known.get(**name) != Some(&keyword))
        .map(|name| (*name).to_owned())
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(SearchAttributesError::Missing { command: command(&namespace, &names), namespace, names })
}

fn command(namespace: &str, names: &[String]) -> String {
    let pairs: String = names.iter().map(|name| format!(" --name {name} --type Keyword")).collect();
    format!("temporal operator search-attribute create --namespace {namespace}{pairs}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_can_be_pasted() {
        assert_eq!(
            super::command("default", &["A".to_owned(), "B".to_owned()]),
            "temporal operator search-attribute create --namespace default --name A --type Keyword --name B --type Keyword"
        );
    }
}
