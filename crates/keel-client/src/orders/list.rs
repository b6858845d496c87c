//! Which orders to list, and how one looks in a list.

use keel_types::names::workflow::INTERACTIVE_ORDER;
use keel_types::progress::iso;
use keel_types::state::OrderStatus;
use serde::Serialize;
use temporalio_client::WorkflowExecution;

use crate::caller::{CUSTOMER_ID, ORDER_STATUS};
use crate::run::RunStatus;

/// Which orders to list.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    /// Only orders in this status.
    pub status: Option<OrderStatus>,
    /// Only orders of this customer.
    pub customer: Option<String>,
    /// At most this many.
    pub limit: usize,
}

/// One order in a list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderRow {
    /// The order; the workflow id if another client chose that freely.
    pub order_id: String,
    /// Where it stands; once the run is closed, how that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Who buys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// Where its run stands.
    pub run_status: RunStatus,
    /// When the run started, ISO-8601 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// The workflow id.
    pub workflow_id: String,
    /// The run id.
    pub run_id: String,
}

impl OrderFilter {
    /// The visibility query.
    pub(super) fn query(&self) -> String {
        let mut query = format!("WorkflowType = '{INTERACTIVE_ORDER}'");
        if let Some(status) = self.status {
            query.push_str(&format!(" AND {}", status_query(status)));
        }
        if let Some(customer) = &self.customer {
            query.push_str(&format!(
                " AND CustomerId = '{}'",
                customer.replace('\\', "\\\\").replace('\'', "\\'")
            ));
        }
        query
    }
}

/// The runs whose rows show `status`. The attribute of a run that ended without a last word stays behind.
fn status_query(status: OrderStatus) -> String {
    let lasting = format!("OrderStatus = '{status}'");
    match status {
        OrderStatus::Pending | OrderStatus::Approved | OrderStatus::Compensating => {
            format!("{lasting} AND ExecutionStatus = 'Running'")
        }
        OrderStatus::Rejected | OrderStatus::Expired => {
            format!("{lasting} AND ExecutionStatus != 'Terminated'")
        }
        OrderStatus::Completed => "ExecutionStatus = 'Completed'".to_owned(),
        OrderStatus::Cancelled => format!(
            "(ExecutionStatus = 'Canceled' OR ({lasting} AND ExecutionStatus IN ('Running', 'Failed')))"
        ),
        OrderStatus::Failed => format!(
            "(({lasting} AND ExecutionStatus IN ('Running', 'Failed')) OR (ExecutionStatus = 'Failed' AND OrderStatus \
             IN ('pending', 'approved', 'compensating')))"
        ),
    }
}

impl OrderRow {
    pub(super) fn of(execution: &WorkflowExecution) -> Self {
        let attributes = execution.search_attributes();
        let id = execution.id();
        let run_status = RunStatus::from(execution.status());
        Self {
            order_id: id.strip_prefix("order-").unwrap_or(id).to_owned(),
            status: run_status.order_status(attributes.get(&ORDER_STATUS).as_deref()),
            customer_id: attributes.get(&CUSTOMER_ID),
            run_status,
            started_at: execution.start_time().map(iso),
            workflow_id: id.to_owned(),
            run_id: execution.run_id().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use keel_types::state::OrderStatus;

    use super::OrderFilter;

    #[test]
    fn a_filter_becomes_a_query_that_cannot_be_broken_out_of() {
        assert_eq!(OrderFilter::default().query(), "WorkflowType = 'interactiveOrderWorkflow'");
        let filter = OrderFilter {
            status: Some(OrderStatus::Approved),
            customer: Some("O'Brien".to_owned()),
            limit: 5,
        };
        assert_eq!(
            filter.query(),
            "WorkflowType = 'interactiveOrderWorkflow' AND OrderStatus = 'approved' AND ExecutionStatus = 'Running' AND CustomerId = 'O\\'Brien'"
        );
    }
}
