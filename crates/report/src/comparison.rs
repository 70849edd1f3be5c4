//! Whether the network's maps beat maps that never saw a network.

use crate::score_text::{decimal, defined, readable};
use dermx_eval::{EvalRecord, MapScores, Score, UNION};

/// What has to be said beside every Table 6.
pub const CAVEAT: &str = "Table 6 read alone cannot say that a network explains anything: \
    a map that never saw a network scores there too. Only the distance to the baselines counts.";

/// One score of the union row: the network beside each baseline.
pub struct Comparison {
    measure: &'static str,
    network: f64,
    spread: Option<f64>,
    baselines: Vec<(String, f64)>,
}

impl Comparison {
    /// `None` where the network has no such score.
    fn new(
        record: &EvalRecord,
        measure: &'static str,
        pick: fn(&MapScores) -> &Score,
    ) -> Option<Self> {
        let score = pick(record.table_6.get(UNION)?);
        let baselines = record
            .baselines
            .iter()
            .filter_map(|(name, table)| Some((readable(name), defined(pick(table.get(UNION)?))?)));
        Some(Self {
            measure,
            network: defined(score)?,
            spread: score.std.filter(|_| !score.seeds.is_empty()),
            baselines: baselines.collect(),
        })
    }

    fn wins(&self) -> bool {
        self.baselines.iter().all(|(_, baseline)| self.network > *baseline)
    }

    /// The strongest baseline, and by how much the network leads it.
    fn rival(&self) -> Option<(&str, f64)> {
        let strongest = self.baselines.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((&strongest.0, self.network - strongest.1))
    }

    fn sentence(&self) -> String {
        let Some((rival, lead)) = self.rival() else {
            return format!("No baseline has a defined {}.", self.measure);
        };
        let place = if lead > 0.0 {
            format!("{} above", decimal(lead))
        } else if lead < 0.0 {
            format!("{} below", decimal(-lead))
        } else {
            "level with".to_owned()
        };
        let doubt = match self.spread {
            Some(std) if lead > 0.0 && lead < std => {
                format!(", a lead smaller than the spread over seeds ({})", decimal(std))
            }
            _ => String::new(),
        };
        format!(
            "In {} the network ({}) is {place} the strongest baseline, {rival}{doubt}.",
            self.measure,
            decimal(self.network)
        )
    }
}

/// The answer in words.
#[derive(Debug, PartialEq, serde::Serialize)]
pub struct Verdict {
    /// `yes`, `partly`, `no` or `unknown`.
    pub level: &'static str,
    /// The answer in one sentence.
    pub headline: String,
    /// The numbers behind it, a sentence each.
    pub details: Vec<String>,
}

/// Compares fuzzy F1 and mass of the union row with every baseline.
pub fn verdict(record: &EvalRecord) -> Verdict {
    let comparisons: Vec<Comparison> = [
        Comparison::new(record, "fuzzy F1", |scores| &scores.f1),
        Comparison::new(record, "mass inside the experts' union", |scores| &scores.mass),
    ]
    .into_iter()
    .flatten()
    .collect();
    if comparisons.is_empty() {
        return unknown("No heat map was scored against the experts' union.");
    }
    let comparable: Vec<&Comparison> =
        comparisons.iter().filter(|comparison| !comparison.baselines.is_empty()).collect();
    if comparable.is_empty() {
        return unknown("No baseline was scored beside the heat maps, so they cannot be judged.");
    }
    let (level, headline) = headline(&comparable);
    Verdict { level, headline, details: comparisons.iter().map(Comparison::sentence).collect() }
}

fn unknown(headline: &str) -> Verdict {
    Verdict { level: "unknown", headline: headline.to_owned(), details: Vec::new() }
}

fn headline(comparisons: &[&Comparison]) -> (&'static str, String) {
    let named = |wins: bool| -> Vec<&str> {
        let chosen = comparisons.iter().filter(|comparison| comparison.wins() == wins);
        chosen.map(|comparison| comparison.measure).collect()
    };
    let rivals = match comparisons.iter().map(|c| c.baselines.len()).max() {
        Some(1) => "the one baseline scored",
        Some(2) => "both baselines",
        _ => "all baselines",
    };
    let (won, lost) = (named(true), named(false));
    match (won.is_empty(), lost.is_empty()) {
        (_, true) => ("yes", format!("The heat maps beat {rivals} in {}.", won.join(" and in "))),
        (true, _) => (
            "no",
            format!("The heat maps do not beat {rivals}, not in {}.", lost.join(" and not in ")),
        ),
        _ => (
            "partly",
            format!(
                "The heat maps beat {rivals} in {}, but not in {}.",
                won.join(" and in "),
                lost.join(" and in ")
            ),
        ),
    }
}
