//! Builds that are done: their last replica goes, and the server forgets them.

use super::builds;
use super::fleet::{self, Fleet};
use crate::deploy::{Stack, say};

/// Removes every build beside the current one that the server says has drained, and lets it forget those that are gone. What
/// still has runs stays.
///
/// # Errors
/// When the engine does not answer. A server that does not is no error: the next call finds the same.
pub fn sweep(stack: &mut Stack) -> anyhow::Result<()> {
    if stack.state.beside.is_empty() && stack.state.to_forget.is_empty() {
        return Ok(());
    }
    let Ok(fleet) = Fleet::of(stack) else { return Ok(()) };
    let beside: Vec<_> = stack.state.beside.iter().map(|one| one.build.id.clone()).collect();
    for id in beside.into_iter().filter(|id| *id != fleet.current) {
        match fleet.build(&id) {
            Some(build) if build.status != "drained" => {
                say(&format!("build {id} stays for {} open runs ({})", build.open_runs, build.status));
            }
            _ => {
                say(&format!("build {id} has drained"));
                builds::stop_beside(stack, &id)?;
                forget(stack, &id)?;
            }
        }
    }
    for id in stack.state.to_forget.clone() {
        if stack.state.beside.iter().all(|one| one.build.id != id) && stack.state.build.id != id {
            forget(stack, &id)?;
        }
    }
    Ok(())
}

/// Lets the server forget a build; one whose last poll is not five minutes ago it forgets the next time.
pub fn forget(stack: &mut Stack, id: &str) -> anyhow::Result<&'static str> {
    let gone = fleet::forget(stack, id).is_ok();
    stack.state.to_forget.retain(|one| one != id);
    if !gone {
        stack.state.to_forget.push(id.to_owned());
    }
    stack.save()?;
    Ok(if gone { ", and forgotten" } else { "" })
}
