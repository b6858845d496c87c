//! The desk where decisions about one order arrive. Pure state: no context, no commands.

use std::time::SystemTime;

use keel_types::activity::OpenedOrder;
use keel_types::decision::{
    ApprovalRule, DecideRequest, Decision, IgnoredDecision, MAX_IGNORED_KEPT, Verdict,
};
use keel_types::money;
use keel_types::order::excerpt;
use keel_types::progress::iso;
use keel_types::state::{OrderFailure, OrderState, OrderStatus, SagaStep};

/// Signals kept while the order is being opened; more than this cannot sensibly arrive in that moment.
const MAX_INBOX: usize = 100;

/// Everything known about the order, and the one decision that counts.
#[derive(Debug, Default)]
pub(super) struct Desk {
    state: OrderState,
    rule: Option<ApprovalRule>,
    decision: Option<Decision>,
    inbox: Vec<(Verdict, Result<String, String>, SystemTime)>,
    /// Signals that came while the inbox was full.
    inbox_overflow: u32,
}

impl Desk {
    /// The order has a name; nothing else is known.
    pub(super) fn name(&mut self, order_id: String) {
        self.state.order_id = order_id;
    }

    /// The order is read: earlier decisions count, waiting signals are judged in the order they came.
    pub(super) fn open(&mut self, opened: &OpenedOrder, deadline: String) {
        self.state.customer_id = Some(opened.order.customer_id.clone());
        self.state.currency = Some(opened.order.currency.clone());
        self.state.total_minor = Some(opened.order.total_minor());
        self.state.requested_by.clone_from(&opened.order.requested_by);
        self.state.deadline = Some(deadline).filter(|_| !self.state.status.is_final());
        self.rule = Some(opened.rule.clone());
        if let Some(decision) = opened.decision.as_ref().filter(|_| !self.state.status.is_final()) {
            self.take(decision.clone());
        }
        for (verdict, content, at) in std::mem::take(&mut self.inbox) {
            self.receive(verdict, content, at);
        }
        self.state.ignored_count = self.state.ignored_count.saturating_add(self.inbox_overflow);
    }

    pub(super) const fn is_open(&self) -> bool {
        self.rule.is_some()
    }

    pub(super) const fn state(&self) -> &OrderState {
        &self.state
    }

    pub(super) const fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// A signal: `content` is the approver or the reason, or what is wrong with the payload.
    pub(super) fn receive(&mut self, verdict: Verdict, content: Result<String, String>, at: SystemTime) {
        if !self.is_open() {
            if self.inbox.len() < MAX_INBOX {
                self.inbox.push((verdict, content, at));
            } else {
                self.inbox_overflow = self.inbox_overflow.saturating_add(1);
            }
            return;
        }
        let text = match content {
            Ok(text) => text,
            Err(problem) => return self.ignore(verdict, "", problem, at),
        };
        let (by, reason) = match verdict {
            Verdict::Approve => (Some(text.clone()), None),
            Verdict::Reject => (None, Some(text.clone())),
        };
        match self.why_not(verdict, by.as_deref()) {
            Some(why) => self.ignore(verdict, &text, why, at),
            None => self.take(Decision { verdict, by, reason, at: iso(at) }),
        }
    }

    /// Why the update would be refused now, if it would.
    pub(super) fn objection(&self, request: &DecideRequest) -> Option<String> {
        let Some(verdict) = Verdict::parse(&request.decision) else {
            return Some(format!(
                "unknown decision `{}`: use `approve` or `reject`",
                excerpt(&request.decision)
            ));
        };
        if request.by.trim().is_empty() {
            return Some("`by` is empty: say who decides".to_owned());
        }
        let reason = request.reason.as_deref().unwrap_or_default();
        if verdict == Verdict::Reject && reason.trim().is_empty() {
            return Some("`reason` is missing: say why the order is rejected".to_owned());
        }
        self.why_not(verdict, Some(&request.by))
    }

    /// Takes an update's decision.
    ///
    /// # Errors
    /// The objection, as for [`Desk::objection`].
    pub(super) fn decide(&mut self, request: &DecideRequest, at: SystemTime) -> Result<(), String> {
        if let Some(why) = self.objection(request) {
            return Err(why);
        }
        let verdict = Verdict::parse(&request.decision).unwrap_or(Verdict::Reject);
        self.take(Decision {
            verdict,
            by: Some(request.by.clone()),
            reason: request.reason.clone().filter(|_| verdict == Verdict::Reject),
            at: iso(at),
        });
        Ok(())
    }

    pub(super) fn reminded(&mut self, at: String) {
        self.state.reminded_at = Some(at);
    }

    pub(super) fn set_status(&mut self, status: OrderStatus) {
        self.state.status = status;
        if status.is_final() {
            self.state.current_step = None;
        }
    }

    pub(super) fn step_started(&mut self, step: &str) {
        self.state.current_step = Some(step.to_owned());
    }

    pub(super) fn step_done(&mut self, step: SagaStep) {
        self.state.completed_steps.push(step);
    }

    pub(super) fn step_undone(&mut self, step: SagaStep) {
        self.state.completed_steps.retain(|done| *done != step);
        self.state.compensated_steps.push(step);
    }

    pub(super) fn failed(&mut self, failure: OrderFailure) {
        self.state.failure = Some(failure);
    }

    /// The ignored decisions kept, and how many there were.
    pub(super) fn ignored(&self) -> (Vec<IgnoredDecision>, u32) {
        (self.state.ignored_decisions.clone(), self.state.ignored_count)
    }

    /// What the web UI shows about this run, in Markdown.
    pub(super) fn details(&self) -> String {
        let state = &self.state;
        let mut text = format!("**Order {}** is **{}**", state.order_id, state.status);
        if let (Some(total), Some(currency)) = (state.total_minor, &state.currency) {
            text += &format!(", {}", money::plain(total, currency));
        }
        if let Some(customer) = &state.customer_id {
            text += &format!(", for {customer}");
        }
        match (&state.approved_by, &state.rejected_reason, &state.deadline) {
            (Some(by), ..) => text += &format!("\n\nApproved by {by}"),
            (None, Some(reason), _) => text += &format!("\n\nRejected: {reason}"),
            (None, None, Some(deadline)) => {
                text += &format!("\n\nWaits for `approve` or `reject` until {deadline}");
            }
            (None, None, None) => {}
        }
        if let Some(failure) = &state.failure {
            text += &format!("\n\nFailure: {}", failure.message);
        }
        text
    }

    fn why_not(&self, verdict: Verdict, by: Option<&str>) -> Option<String> {
        if let Some(decision) = &self.decision {
            return Some(self.already(decision));
        }
        if self.state.status != OrderStatus::Pending {
            return Some(format!("the order is already {}", self.state.status));
        }
        let rule = self.rule.as_ref()?;
        match (verdict, by) {
            (Verdict::Approve, by) => {
                rule.objection(by.unwrap_or_default(), self.state.requested_by.as_deref())
            }
            (Verdict::Reject, _) => None,
        }
    }

    fn already(&self, decision: &Decision) -> String {
        let what = match decision.verdict {
            Verdict::Approve => "approved",
            Verdict::Reject => "rejected",
        };
        match &decision.by {
            Some(by) => format!("the order is already {what} by {by}"),
            None => format!("the order is already {what}"),
        }
    }

    fn take(&mut self, decision: Decision) {
        self.state.decided_at = Some(decision.at.clone());
        match decision.verdict {
            Verdict::Approve => {
                self.state.status = OrderStatus::Approved;
                self.state.approved_by.clone_from(&decision.by);
            }
            Verdict::Reject => {
                self.state.status = OrderStatus::Rejected;
                self.state.rejected_reason =
                    Some(decision.reason.clone().unwrap_or_else(|| "no reason given".to_owned()));
                self.state.rejected_by.clone_from(&decision.by);
            }
        }
        self.decision = Some(decision);
    }

    fn ignore(&mut self, verdict: Verdict, by: &str, why: String, at: SystemTime) {
        self.state.ignored_count = self.state.ignored_count.saturating_add(1);
        if self.state.ignored_decisions.len() < MAX_IGNORED_KEPT {
            let decision = match verdict {
                Verdict::Approve => "approve",
                Verdict::Reject => "reject",
            };
            self.state.ignored_decisions.push(IgnoredDecision {
                decision: decision.to_owned(),
                by: excerpt(by),
                why,
                at: iso(at),
            });
        }
    }
}

#[cfg(test)]
mod tests;
