//! The load that a plan is for.

use std::time::Duration;

use anyhow::{bail, ensure};

/// Rates beyond this want more than one cluster, and measurements instead of a formula.
const HIGHEST_RATE: f64 = 10_000.0;
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 24 * 3600);

/// The load, and how generous the plan is.
#[derive(Clone, Debug, clap::Args, serde::Serialize)]
pub struct Load {
    /// Orders placed in a second, at the peak
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    pub orders_per_second: f64,
    /// Tasks started in a second, at the peak
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    pub tasks_per_second: f64,
    /// Dataset bytes that arrive in an hour, in GB of 10^9
    #[arg(long, value_name = "GB", default_value_t = 0.0)]
    pub dataset_gb_per_hour: f64,
    /// How long an order waits for its decision on average, such as 30m or 4h
    #[arg(long, value_name = "TIME", default_value = "4h", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", rename = "approval_wait_seconds")]
    pub approval_wait: Duration,
    /// How long a call to payments or the courier takes, such as 200ms
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = duration)]
    #[serde(serialize_with = "as_seconds", rename = "provider_latency_seconds")]
    pub provider_latency: Duration,
    /// Cores that one worker may use
    #[arg(long, value_name = "CORES", default_value_t = 1.0)]
    pub cpu_per_worker: f64,
    /// Share of everything that stays free at the peak
    #[arg(long, value_name = "SHARE", default_value_t = 0.3)]
    pub headroom: f64,
    /// How often this load the cluster may have to take one day: history shards cannot be added later
    #[arg(long, value_name = "TIMES", default_value_t = 5.0)]
    pub growth: f64,
}

impl Load {
    /// Refuses what no plan can be made of.
    ///
    /// # Errors
    /// Names the flag, its value and what would do.
    pub fn check(&self) -> anyhow::Result<()> {
        for (flag, value, highest) in [
            ("--orders-per-second", self.orders_per_second, HIGHEST_RATE),
            ("--tasks-per-second", self.tasks_per_second, HIGHEST_RATE),
            ("--dataset-gb-per-hour", self.dataset_gb_per_hour, 1e6),
        ] {
            ensure!((0.0..=highest).contains(&value), "{flag}: {value} is not between 0 and {highest}");
        }
        let any = self.orders_per_second + self.tasks_per_second + self.dataset_gb_per_hour;
        ensure!(
            any > 0.0,
            "there is no load: give --orders-per-second, --tasks-per-second or --dataset-gb-per-hour"
        );
        for (flag, value, range) in [
            ("--cpu-per-worker", self.cpu_per_worker, 0.1..=64.0),
            ("--headroom", self.headroom, 0.0..=0.9),
            ("--growth", self.growth, 1.0..=100.0),
        ] {
            ensure!(
                range.contains(&value),
                "{flag}: {value} is not between {} and {}",
                range.start(),
                range.end()
            );
        }
        ensure!(
            self.approval_wait <= LONGEST_WAIT,
            "--approval-wait: longer than 30 days; orders end after order.deadline, 24h unless set"
        );
        ensure!(
            (Duration::from_millis(1)..=Duration::from_secs(60)).contains(&self.provider_latency),
            "--provider-latency: not between 1ms and 60s"
        );
        Ok(())
    }
}

/// Reads `200ms`, `30s`, `5m`, `4h` or `2d`.
///
/// # Errors
/// Says what a duration looks like.
pub fn duration(text: &str) -> anyhow::Result<Duration> {
    let number: String = text.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let seconds = match &text[number.len()..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => bail!("write a number with ms, s, m, h or d behind it, such as 4h"),
    };
    let value: f64 =
        number.parse().map_err(|_| anyhow::anyhow!("{text} has no number in front of its unit"))?;
    Duration::try_from_secs_f64(value * seconds)
        .map_err(|_| anyhow::anyhow!("{text} is longer than anybody lives"))
}

/// For people: the largest unit that leaves no rest.
pub fn shown(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0 => "0s".to_owned(),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        _ => format!("{ms}ms"),
    }
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
