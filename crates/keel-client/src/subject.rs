//! What a call is about: an order, a task or a dataset run.

use keel_types::names;

use crate::run::RunStatus;

/// The three kinds of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `interactiveOrderWorkflow`.
    Order,
    /// `trackableWorkflow`.
    Task,
    /// `datasetWorkflow`.
    Dataset,
}

impl Kind {
    /// The word for people, which is also the group of commands on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Task => "task",
            Self::Dataset => "dataset",
        }
    }
}

/// One order, task or dataset run, by its own id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What it is.
    pub kind: Kind,
    /// Its id, such as `ORDER-12345`.
    pub id: String,
}

impl Subject {
    /// The subject of `kind` with this id.
    #[must_use]
    pub fn new(kind: Kind, id: &str) -> Self {
        Self { kind, id: id.to_owned() }
    }

    /// The workflow id under which this client runs it.
    #[must_use]
    pub fn workflow_id(&self) -> String {
        match self.kind {
            Kind::Order => names::order_workflow_id(&self.id),
            Kind::Task => names::task_workflow_id(&self.id),
            Kind::Dataset => names::dataset_workflow_id(&self.id),
        }
    }

    /// How to bring it into being, for messages.
    pub(crate) fn remedy(&self) -> String {
        let Self { kind, id } = self;
        match kind {
            Kind::Order => format!(
                "place it with `keel order submit --id {id}` or `--file FILE`, or see `keel order list`"
            ),
            Kind::Task | Kind::Dataset => format!("start it with `keel {} start {id}`", kind.word()),
        }
    }

    /// What to do about a run that was ended from outside, before it could finish or clean up; `None` for other ends.
    #[must_use]
    pub fn after(&self, end: RunStatus) -> Option<String> {
        if !end.is_from_outside() {
            return None;
        }
        let Self { kind, id } = self;
        Some(match kind {
            Kind::Order => format!(
                "it was ended from outside, so that what was done for it may remain (stock set aside, a charge, a \
                 shipment); `keel order submit --id {id} --again` finishes or undoes it"
            ),
            Kind::Task | Kind::Dataset => format!(
                "it was ended from outside, so that partial output may remain; `keel {} start {id}` runs it again",
                kind.word()
            ),
        })
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} `{}`", self.kind.word(), self.id)
    }
}
