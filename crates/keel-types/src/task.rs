//! Tasks on the wire.

/// The dataset a task works on: the one that carries the task's own id.
#[must_use]
pub const fn dataset_of_task(task_id: &str) -> &str {
    task_id
}

/// The result string of `trackableWorkflow`.
#[must_use]
pub fn success_message(task_id: &str) -> String {
    format!("Task {task_id} completed successfully!")
}
