//! Whether a new build does worse than the old one. Figures in, verdict out; where they come from is not its business.

use super::limits::Limits;

/// Slower than this much more is noise, whatever the factor, in seconds.
const NOISE_S: f64 = 0.05;

/// What one build did during the ramp.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Runs that ended well.
    pub completed: f64,
    /// Runs that failed, those included that were refused for business reasons.
    pub failed: f64,
    /// Workflow tasks that were run.
    pub tasks: f64,
    /// Workflow tasks that failed, for whatever reason.
    pub task_failures: f64,
    /// Those of them where history and code did not fit.
    pub nondeterminism: f64,
    /// Attempts of activities.
    pub activities: f64,
    /// Those that failed with a fault; refusals are not among them.
    pub activity_failures: f64,
    /// 95th percentile of running a workflow task, in seconds.
    pub task_p95: Option<f64>,
    /// 95th percentile of an attempt of an activity, in seconds.
    pub activity_p95: Option<f64>,
}

/// What came of comparing two builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing speaks against the new one.
    Good,
    /// Each sentence names a figure that does.
    Bad(Vec<String>),
}

/// Compares the new build with the old one.
///
/// Failures are compared as shares, since the builds get different amounts of work: a refusal that business asks for is as
/// frequent on both. Where the old build did nothing, its share counts as none.
pub fn judge(old: &Figures, new: &Figures, limits: &Limits) -> Verdict {
    let mut why = Vec::new();
    if new.nondeterminism > 0.0 {
        why.push(format!("{:.0} workflow tasks failed as non-deterministic", new.nondeterminism));
    }
    let shares = [
        ("runs", old.failed, old.completed + old.failed, new.failed, new.completed + new.failed),
        ("workflow tasks", old.task_failures, old.tasks, new.task_failures, new.tasks),
        ("activities", old.activity_failures, old.activities, new.activity_failures, new.activities),
    ];
    for (what, old_failed, old_all, new_failed, new_all) in shares {
        why.extend(more_fail(what, (old_failed, old_all), (new_failed, new_all), limits));
    }
    let times = [
        ("a workflow task", (old.task_p95, old.tasks), (new.task_p95, new.tasks)),
        ("an activity", (old.activity_p95, old.activities), (new.activity_p95, new.activities)),
    ];
    for (what, old, new) in times {
        why.extend(slower(what, old, new, limits));
    }
    if why.is_empty() { Verdict::Good } else { Verdict::Bad(why) }
}

/// Each side is how many failed, of how many.
fn more_fail(what: &str, old: (f64, f64), new: (f64, f64), limits: &Limits) -> Option<String> {
    if new.0 < whole(limits.min_failures) {
        return None;
    }
    let (before, now) = (share(old), share(new));
    (now > before + limits.more_failures).then(|| {
        format!(
            "{now:.1} % of {what} fail ({:.0} of {:.0}), {before:.1} % on the old build",
            new.0,
            new.1.max(new.0)
        )
    })
}

/// Each side is a 95th percentile and the number of figures it is made of.
fn slower(what: &str, old: (Option<f64>, f64), new: (Option<f64>, f64), limits: &Limits) -> Option<String> {
    let enough = whole(limits.min_samples);
    if old.1 < enough || new.1 < enough {
        return None;
    }
    let (before, now) = (old.0?, new.0?);
    (now > before * limits.slower && now > before + NOISE_S)
        .then(|| format!("{what} takes {now:.2} s (95th percentile), {before:.2} s on the old build"))
}

/// In percent. More failures than attempts are seen when the two are counted at different moments.
fn share((part, all): (f64, f64)) -> f64 {
    if part <= 0.0 { 0.0 } else { 100.0 * part / all.max(part) }
}

fn whole(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests;
