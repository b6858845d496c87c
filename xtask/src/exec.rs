//! Running other programs to their end: bounded, interruptible, and never outliving xtask.

use std::ffi::OsStr;
use std::io::{Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::interrupt;

const POLL: Duration = Duration::from_millis(20);

/// A program that ended with something else than success.
#[derive(Debug)]
pub struct Failed {
    program: String,
    status: ExitStatus,
}

impl Failed {
    /// The program's exit code, as xtask's own.
    pub fn code(&self) -> u8 {
        self.status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1)
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` failed ({})", self.program, self.status)
    }
}

impl std::error::Error for Failed {}

/// What a captured program said.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output of a program that succeeded.
    ///
    /// # Errors
    /// With the end of its standard error otherwise.
    pub fn ok(self, what: &str) -> anyhow::Result<String> {
        if self.status.success() {
            return Ok(self.stdout);
        }
        bail!("{what} failed ({}): {}", self.status, last_lines(&self.stderr, 15).trim())
    }
}

/// A command that gets `signal` when xtask dies in any way, where the system can do that (`setpriv`, Linux).
///
/// The kernel ties this to the thread that starts the program, so programs are started from the main thread only.
pub fn tied(program: impl AsRef<OsStr>, signal: &str) -> Command {
    let mut command = if let Some(setpriv) = setpriv() {
        let mut command = Command::new(setpriv);
        command.arg("--pdeathsig").arg(signal).arg("--").arg(program);
        command
    } else {
        Command::new(program)
    };
    command.stdin(Stdio::null());
    command
}

/// `setpriv` of util-linux, if it is there and knows `--pdeathsig`.
pub fn setpriv() -> Option<&'static std::path::Path> {
    static SETPRIV: OnceLock<Option<std::path::PathBuf>> = OnceLock::new();
    SETPRIV
        .get_or_init(|| {
            let path = which::which("setpriv").ok()?;
            let help = Command::new(&path).arg("--help").stdin(Stdio::null()).output().ok()?;
            String::from_utf8_lossy(&help.stdout).contains("--pdeathsig").then_some(path)
        })
        .as_deref()
}

/// The cargo that runs xtask.
pub fn cargo() -> Command {
    tied(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), "TERM")
}

/// Runs a command in the foreground after printing it; it may take as long as it needs, a signal ends it.
///
/// # Errors
/// [`Failed`] when it ends badly, [`interrupt::Interrupted`] after a signal.
pub fn foreground(command: &mut Command) -> anyhow::Result<()> {
    let shown = show(command);
    eprintln!("$ {shown}");
    let status = wait_for(spawn(command)?, None)?;
    if status.success() { Ok(()) } else { Err(Failed { program: shown, status }.into()) }
}

/// Like [`foreground`], ended after `limit`.
///
/// # Errors
/// [`Failed`] when it ends badly, [`interrupt::Interrupted`] after a signal, and when it takes longer.
pub fn foreground_within(command: &mut Command, limit: Duration) -> anyhow::Result<()> {
    let shown = show(command);
    eprintln!("$ {shown}");
    let status = wait_for(spawn(command)?, Some(limit)).with_context(|| format!("`{shown}`"))?;
    if status.success() { Ok(()) } else { Err(Failed { program: shown, status }.into()) }
}

/// Runs commands side by side and says of each whether it succeeded; one that takes longer than `limit` did not.
///
/// # Errors
/// When one cannot start, and [`interrupt::Interrupted`] after a signal.
pub fn all_succeed(commands: &mut [Command], limit: Duration) -> anyhow::Result<Vec<bool>> {
    let mut children = Vec::new();
    for command in commands {
        children.push(spawn(command.stdout(Stdio::null()).stderr(Stdio::null()))?);
    }
    let deadline = Instant::now() + limit;
    let mut succeeded = Vec::new();
    for child in children {
        let left = deadline.saturating_duration_since(Instant::now());
        match wait_for(child, Some(left)) {
            Ok(status) => succeeded.push(status.success()),
            Err(error) if error.is::<interrupt::Interrupted>() => return Err(error),
            Err(_) => succeeded.push(false),
        }
    }
    Ok(succeeded)
}

/// Runs a command to its end within `limit` and returns what it said.
///
/// # Errors
/// When it cannot start or takes longer; a bad end is in the [`Output`].
pub fn capture(command: &mut Command, limit: Duration) -> anyhow::Result<Output> {
    // Files instead of pipes: nothing can block on a full pipe, and no thread is needed.
    let (mut out, mut err) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdout(out.try_clone()?).stderr(err.try_clone()?);
    let status = wait_for(spawn(command)?, Some(limit)).with_context(|| format!("`{}`", show(command)))?;
    Ok(Output { status, stdout: text(&mut out)?, stderr: text(&mut err)? })
}

fn text(file: &mut std::fs::File) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    interrupt::check()?;
    command.spawn().with_context(|| format!("cannot start `{}`", show(command)))
}

fn wait_for(mut child: Child, limit: Option<Duration>) -> anyhow::Result<ExitStatus> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            interrupt::check()?;
            return Ok(status);
        }
        if limit.is_some_and(|limit| started.elapsed() > limit) {
            end(&mut child, Duration::from_secs(1))?;
            bail!("did not end within {} s", limit.unwrap_or_default().as_secs());
        }
        if interrupt::requested() {
            // Ctrl-C reached the program as well, and it may be tidying up: give it a moment before insisting.
            let typed = interrupt::signal() == usize::try_from(signal_hook::consts::SIGINT).unwrap_or(0);
            let patience = if typed { Duration::from_secs(3) } else { Duration::ZERO };
            let ended = ends_within(&mut child, patience)?;
            if !ended {
                end(&mut child, Duration::from_secs(15))?;
            }
            return Err(interrupt::Interrupted.into());
        }
        std::thread::sleep(POLL);
    }
}

/// TERM, then KILL when that does not help within `patience`.
///
/// # Errors
/// When the system cannot wait for the program.
pub fn end(child: &mut Child, patience: Duration) -> anyhow::Result<()> {
    signal(child, Signal::TERM);
    if !ends_within(child, patience)? {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}

/// Sends a signal to a child that has not been waited for; one that is gone already is fine.
pub fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // The only possible failure is that it is a zombie or gone, which is what the caller wants.
        let _ = kill_process(pid, signal);
    }
}

/// Whether the child ends in time.
///
/// # Errors
/// When the system cannot wait for the program.
pub fn ends_within(child: &mut Child, patience: Duration) -> anyhow::Result<bool> {
    let deadline = Instant::now() + patience;
    loop {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        std::thread::sleep(POLL);
    }
}

/// The command as a person would type it, without the wrapper that ties it to xtask.
pub fn show(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    let start = if words.get(1).is_some_and(|word| *word == "--pdeathsig") { 4 } else { 0 };
    let mut shown = Vec::new();
    for (index, word) in words.iter().skip(start).enumerate() {
        let word = word.to_string_lossy();
        let name = std::path::Path::new(&*word).file_name().map(OsStr::to_string_lossy);
        shown.push(match name {
            Some(name) if index == 0 => name.into_owned(),
            _ => quoted(&word),
        });
    }
    shown.join(" ")
}

/// A word as a shell takes it literally.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The last `count` lines of a text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::{capture, last_lines, quoted, show, tied};
    use std::time::{Duration, Instant};

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("--input"), "--input");
        assert_eq!(quoted("\"ORDER-1\""), "'\"ORDER-1\"'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_tied_command_is_shown_without_its_wrapper() {
        assert_eq!(show(tied("/bin/echo", "TERM").arg("a b")), "echo 'a b'");
    }

    #[test]
    fn the_last_lines_skip_blank_ones() {
        assert_eq!(last_lines("a\n\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("", 2), "");
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let started = Instant::now();
        let error = capture(tied("sleep", "TERM").arg("60"), Duration::from_millis(50)).unwrap_err();
        assert!(format!("{error:#}").contains("did not end within"), "{error:#}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn output_and_status_are_captured() {
        let output = capture(
            tied("sh", "TERM").args(["-c", "echo out; echo err >&2; exit 3"]),
            Duration::from_secs(10),
        )
        .unwrap();
        assert_eq!((output.stdout.as_str(), output.status.code()), ("out\n", Some(3)));
        let error = output.ok("sh").unwrap_err().to_string();
        assert!(error.contains("err"), "{error}");
    }
}
