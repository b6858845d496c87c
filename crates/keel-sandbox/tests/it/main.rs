//! The sandbox over real HTTP: the protocol, the faults, the journal, the state file, the program itself.

mod faults;
mod program;
mod protocol;
mod support;
