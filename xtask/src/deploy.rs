//! `cargo xtask deploy` and the verbs around it: Keel as a Compose stack on this machine.

mod containers;
mod down;
mod images;
mod logs;
mod ready;
mod scale;
mod secrets;
mod site;
mod stack;
mod state;
mod status;
mod table;
mod up;

pub use down::{Args as DownArgs, run as down};
pub use logs::{Args as LogsArgs, run as logs};
pub use scale::{Args as ScaleArgs, run as scale};
pub use site::Site;
pub use status::{HealthArgs, StatusArgs, health, status};
pub use up::{Args, run};
