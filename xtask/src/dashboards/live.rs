//! Every query of every panel against a live Prometheus, asked as Grafana would ask it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::definition::{Dashboard, Kind, Variable};
use super::render;
use crate::wait;

/// Longest wait for one answer.
const LIMIT: Duration = Duration::from_secs(15);
/// Between two looks at what had no data.
const PAUSE: Duration = Duration::from_secs(2);
/// Points of a range, about as many as a panel is wide.
const POINTS: u64 = 60;

/// The time that is shown.
#[derive(Debug)]
pub struct Window<'a> {
    /// Its length; it ends now.
    pub seconds: u64,
    /// What `$__rate_interval` stands for.
    pub rate_interval: &'a str,
}

/// The queries that are refused or return no data, asked again until `wait` is over; nothing when all is well.
///
/// # Errors
/// When Prometheus does not answer.
pub fn empty(
    dashboards: &[Dashboard],
    url: &str,
    window: &Window<'_>,
    wait: Duration,
) -> anyhow::Result<Vec<String>> {
    let prometheus = Prometheus::new(url);
    let deadline = Instant::now() + wait;
    let mut open: Vec<_> = questions(dashboards);
    loop {
        let mut failed = Vec::new();
        let mut still = Vec::new();
        for question in open {
            if let Some(reason) = prometheus.ask(&question, window)? {
                failed.push(format!("{}: {reason}", question.place));
                still.push(question);
            }
        }
        if still.is_empty() || Instant::now() >= deadline {
            return Ok(failed);
        }
        open = still;
        wait::pause(PAUSE)?;
    }
}

/// One thing to ask.
struct Question<'a> {
    place: String,
    what: What<'a>,
    variables: &'a [Variable],
}

enum What<'a> {
    /// The choices of a variable.
    Choices(Variable),
    /// A panel's query, which must have data.
    Data { query: &'a str, instant: bool },
    /// The query of marks in the graphs, which must only be valid.
    Marks(&'a str),
}

fn questions(dashboards: &[Dashboard]) -> Vec<Question<'_>> {
    let mut questions = Vec::new();
    for dashboard in dashboards {
        let variables = dashboard.variables.as_slice();
        let mut add = |place: String, what| questions.push(Question { place, what, variables });
        for variable in variables {
            let place = format!("{} / variable {}", dashboard.title, variable.name());
            add(place, What::Choices(*variable));
        }
        for panel in dashboard.panels().filter(|panel| panel.kind != Kind::Text) {
            for (legend, query) in &panel.series {
                let place = format!("{} / {} / {legend}", dashboard.title, panel.title);
                add(place, What::Data { query, instant: panel.kind.is_instant() });
            }
        }
    }
    for query in [render::NEW_BUILD, render::CRITICAL] {
        questions.push(Question { place: "marks".to_owned(), what: What::Marks(query), variables: &[] });
    }
    questions
}

struct Prometheus {
    agent: ureq::Agent,
    url: String,
}

impl Prometheus {
    fn new(url: &str) -> Self {
        let config =
            ureq::Agent::config_builder().timeout_global(Some(LIMIT)).http_status_as_error(false).build();
        Self { agent: ureq::Agent::new_with_config(config), url: url.trim_end_matches('/').to_owned() }
    }

    /// What is wrong with the answer; nothing when it has data.
    fn ask(&self, question: &Question<'_>, window: &Window<'_>) -> anyhow::Result<Option<String>> {
        let chosen = self.choices(question.variables)?;
        let (query, answer) = match question.what {
            What::Choices(variable) => {
                let none = chosen.get(variable.name()).is_none_or(|choices| choices == "()");
                return Ok(none.then(|| format!("no choices: {:?} has no values", variable.source())));
            }
            What::Data { query, instant } => {
                let query = filled(query, &chosen, window);
                let answer = if instant { self.moment(&query)? } else { self.range(&query, window)? };
                (query, answer)
            }
            What::Marks(query) => (query.to_owned(), self.range(query, window)?),
        };
        Ok(match (answer, &question.what) {
            (Err(refused), _) => Some(format!("refused: {refused}\n    {query}")),
            (Ok(0), What::Data { .. }) => Some(format!("no data\n    {query}")),
            (Ok(_), _) => None,
        })
    }

    /// Every choice of every variable, as Grafana fills in `All`.
    fn choices(&self, variables: &[Variable]) -> anyhow::Result<BTreeMap<&'static str, String>> {
        let mut chosen = BTreeMap::new();
        for variable in variables {
            let (selector, label) = variable.source();
            let selector = with_choices(selector, &chosen);
            let answer = self.get(&format!("/api/v1/label/{label}/values"), &[("match[]", &selector)])?;
            let values = answer["data"].as_array().cloned().unwrap_or_default();
            let values: Vec<_> = values.iter().filter_map(Value::as_str).map(escaped).collect();
            chosen.insert(variable.name(), format!("({})", values.join("|")));
        }
        Ok(chosen)
    }

    /// The number of points with a value, or why the query is refused.
    fn moment(&self, query: &str) -> anyhow::Result<Result<usize, String>> {
        self.points("/api/v1/query", &[("query", query)])
    }

    fn range(&self, query: &str, window: &Window<'_>) -> anyhow::Result<Result<usize, String>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs();
        let (start, end) = ((now - window.seconds).to_string(), now.to_string());
        let step = (window.seconds / POINTS).max(1).to_string();
        let range = [("query", query), ("start", &start), ("end", &end), ("step", &step)];
        self.points("/api/v1/query_range", &range)
    }

    fn points(&self, path: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Result<usize, String>> {
        let answer = self.get(path, parameters)?;
        if answer["status"] != "success" {
            return Ok(Err(answer["error"].as_str().unwrap_or("without a reason").to_owned()));
        }
        let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        Ok(Ok(series.iter().map(finite).sum()))
    }

    fn get(&self, path: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.url);
        let what = || format!("{url} does not answer: is it the address of a Prometheus?");
        let mut answer =
            self.agent.get(&url).query_pairs(parameters.iter().copied()).call().with_context(what)?;
        let status = answer.status().as_u16();
        let json = answer.body_mut().read_json().with_context(what)?;
        ensure!(status != 404, "{url} is not there: is it the address of a Prometheus?");
        Ok(json)
    }
}

/// Points of a series that are numbers: what is divided by nothing is shown as a gap.
fn finite(series: &Value) -> usize {
    let one = std::slice::from_ref(&series["value"]).iter();
    let many = series["values"].as_array().into_iter().flatten();
    let number = |point: &&Value| {
        point[1].as_str().and_then(|text| text.parse::<f64>().ok()).is_some_and(f64::is_finite)
    };
    one.chain(many).filter(number).count()
}

/// A query as Grafana sends it.
fn filled(query: &str, chosen: &BTreeMap<&'static str, String>, window: &Window<'_>) -> String {
    // The longer name first.
    let query = query
        .replace("$__rate_interval", window.rate_interval)
        .replace("$__range", &format!("{}s", window.seconds));
    with_choices(&query, chosen)
}

fn with_choices(query: &str, chosen: &BTreeMap<&'static str, String>) -> String {
    chosen.iter().fold(query.to_owned(), |query, (name, choices)| query.replace(&format!("${name}"), choices))
}

/// A value inside a regular expression inside a string of PromQL.
fn escaped(value: &str) -> String {
    value.chars().fold(String::with_capacity(value.len()), |mut out, c| {
        if r"\^$.*+?()[]{}|".contains(c) {
            out.push_str(r"\\");
        }
        out.push(c);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::{Window, escaped, filled, finite};
    use serde_json::json;

    #[test]
    fn a_query_is_filled_in_as_grafana_does() {
        let window = Window { seconds: 300, rate_interval: "1m" };
        let chosen =
            std::collections::BTreeMap::from([("instance", format!("({})", escaped("127.0.0.1:80")))]);
        let query =
            filled(r#"rate(a{instance=~"$instance"}[$__rate_interval]) + b[$__range]"#, &chosen, &window);
        assert_eq!(query, r#"rate(a{instance=~"(127\\.0\\.0\\.1:80)"}[1m]) + b[300s]"#);
    }

    #[test]
    fn gaps_are_no_data() {
        assert_eq!(finite(&json!({ "metric": {}, "value": [1.0, "NaN"] })), 0);
        assert_eq!(finite(&json!({ "metric": {}, "value": [1.0, "0"] })), 1);
        assert_eq!(finite(&json!({ "metric": {}, "values": [[1.0, "+Inf"], [2.0, "3"]] })), 1);
    }
}
