//! Decisions about an order: what people ask for, and what became of it.

use serde::{Deserialize, Serialize};

/// Most ignored decisions kept one by one in a run; later ones are only counted.
pub const MAX_IGNORED_KEPT: usize = 20;

/// The input of the update `decide`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecideRequest {
    /// `approve` or `reject`; anything else is refused by the validator.
    pub decision: String,
    /// Who decides.
    pub by: String,
    /// Why; required for a rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Fulfil the order.
    Approve,
    /// Refuse the order.
    Reject,
}

impl Verdict {
    /// The verdict named by `text`, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "approve" => Some(Self::Approve),
            "reject" => Some(Self::Reject),
            _ => None,
        }
    }
}

/// A decision as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Approved or rejected.
    pub verdict: Verdict,
    /// Who decided; absent for the signal `reject`, which carries only a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The reason of a rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the workflow took it, ISO-8601 UTC.
    pub at: String,
}

impl Decision {
    /// Whether `other` decides the same, at whatever time.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.verdict, &self.by, &self.reason) == (other.verdict, &other.by, &other.reason)
    }
}

/// A decision that had no effect, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IgnoredDecision {
    /// What was asked for: `approve` or `reject`.
    pub decision: String,
    /// Who asked, or the reason given.
    pub by: String,
    /// Why it had no effect.
    pub why: String,
    /// When it arrived, ISO-8601 UTC.
    pub at: String,
}

/// Who may decide on orders. A part of the opened order, so that a change of settings never alters a running order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRule {
    /// The only people who may approve; empty means everybody.
    #[serde(default)]
    pub approvers: Vec<String>,
    /// Whether the person who placed an order may approve it.
    #[serde(default)]
    pub allow_own: bool,
}

impl ApprovalRule {
    /// Why `by` may not approve an order placed by `requested_by`, if that is so.
    #[must_use]
    pub fn objection(&self, by: &str, requested_by: Option<&str>) -> Option<String> {
        if by.trim().is_empty() {
            return Some("the approver is empty".to_owned());
        }
        if !self.allow_own && requested_by == Some(by) {
            return Some(format!("{by} placed the order and may not approve it"));
        }
        if !self.approvers.is_empty() && !self.approvers.iter().any(|a| a == by) {
            return Some(format!("{by} is not among the approvers"));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::ApprovalRule;

    #[test]
    fn four_eyes_and_the_list_are_kept() {
        let open = ApprovalRule::default();
        assert_eq!(open.objection("m@x", Some("c@x")), None);
        assert_eq!(
            open.objection("c@x", Some("c@x")).as_deref(),
            Some("c@x placed the order and may not approve it")
        );
        assert_eq!(open.objection(" ", None).as_deref(), Some("the approver is empty"));
        let listed = ApprovalRule { approvers: vec!["m@x".to_owned()], allow_own: true };
        assert_eq!(listed.objection("m@x", Some("m@x")), None);
        assert_eq!(listed.objection("n@x", None).as_deref(), Some("n@x is not among the approvers"));
    }
}
