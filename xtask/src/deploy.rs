//! `cargo xtask deploy` and the verbs around it: Keel as a Compose stack on this machine.

mod bench;
mod containers;
mod down;
mod images;
mod lock;
mod logs;
mod ready;
mod rules;
mod scale;
mod secrets;
mod site;
mod stack;
mod state;
mod status;
mod table;
mod tier;
mod up;

pub use bench::run as bench;
pub use down::{Args as DownArgs, run as down};
pub use images::tagged;
pub use logs::{Args as LogsArgs, run as logs};
pub use scale::{Args as ScaleArgs, Scaled, drain, run as scale, to as scale_to};
pub use site::Site;
pub use stack::{Common, FRONT, Form, Stack, WORKER, say};
pub use state::{Beside, Build, replace};
pub use status::{HealthArgs, StatusArgs, health, status};
pub use table::table;
pub use tier::run as tier;
pub use up::{Args, run};
