//! Whether the network's maps beat maps that never saw a network.

use crate::score_text::{ScoreText, decimal, defined, interval, join, readable};
use dermx_eval::{EvalRecord, MapScores, Score, UNION};

/// What the raters among themselves are called beside the network.
pub const RATERS: &str = "Raters among themselves";

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
            spread: score.std.filter(|std| std.is_finite() && !score.seeds.is_empty()),
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
            Some(std) if self.is_close() => {
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

    /// Whether the lead is there, but smaller than the spread over seeds.
    fn is_close(&self) -> bool {
        let lead = self.rival().map(|(_, lead)| lead);
        matches!((lead, self.spread), (Some(lead), Some(std)) if lead > 0.0 && lead < std)
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
    let mut details: Vec<String> = comparisons.iter().map(Comparison::sentence).collect();
    details.extend(skill(record));
    Verdict { level, headline, details }
}

/// How far the network has come from the best baseline to the raters.
fn skill(record: &EvalRecord) -> Option<String> {
    let skill = &record.relative.get(UNION)?.skill;
    let raters = defined(&record.ceiling.get(UNION)?.f1)?;
    let text = ScoreText::new(skill);
    defined(skill)?;
    Some(format!(
        "On a scale from 0 (the strongest baseline) to 1 (raters among themselves, who reach a fuzzy \
         F1 of {}) the network stands at {}.",
        decimal(raters),
        join(&text.line(), &interval(skill)),
    ))
}

fn unknown(headline: &str) -> Verdict {
    Verdict { level: "unknown", headline: headline.to_owned(), details: Vec::new() }
}

fn headline(comparisons: &[&Comparison]) -> (&'static str, String) {
    let named = |wins: bool| -> Vec<&str> {
        let chosen = comparisons.iter().filter(|comparison| comparison.wins() == wins);
        chosen.map(|comparison| comparison.measure).collect()
    };
    let (won, lost) = (named(true).join(" and in "), named(false).join(" nor in "));
    let beat = format!("The heat maps beat {} in {won}", rivals(comparisons));
    let fail = "do not beat the strongest baseline in";
    match (won.is_empty(), lost.is_empty()) {
        (true, _) => ("no", format!("The heat maps {fail} {lost}.")),
        (_, false) => ("partly", format!("{beat}, but {fail} {lost}.")),
        _ if comparisons.iter().any(|comparison| comparison.is_close()) => {
            ("partly", format!("{beat}, but not clearly: by less than the spread over seeds."))
        }
        _ => ("yes", format!("{beat}.")),
    }
}

fn rivals(comparisons: &[&Comparison]) -> &'static str {
    let all_have = |count| comparisons.iter().all(|c| c.baselines.len() == count);
    if all_have(1) {
        "the one baseline scored"
    } else if all_have(2) {
        "both baselines"
    } else {
        "all baselines scored"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dermx_eval::RelativeScores;
    use std::collections::BTreeMap;

    fn table(f1: f64, mass: f64) -> BTreeMap<String, MapScores> {
        let score = |mean| Score {
            mean: Some(mean),
            std: Some(0.02),
            seeds: vec![Some(mean); 2],
            ..Score::default()
        };
        let scores = MapScores { f1: score(f1), mass: score(mass), ..MapScores::default() };
        BTreeMap::from([(UNION.to_owned(), scores)])
    }

    fn verdict_of(f1: f64, mass: f64) -> Verdict {
        verdict(&EvalRecord {
            table_6: table(f1, mass),
            baselines: BTreeMap::from([
                ("random".to_owned(), table(0.10, 0.12)),
                ("centre_gaussian".to_owned(), table(0.20, 0.30)),
            ]),
            ..EvalRecord::default()
        })
    }

    #[test]
    fn verdict_is_yes_only_above_every_baseline_by_more_than_the_spread() {
        assert_eq!(verdict_of(0.25, 0.35).level, "yes");
        // 0.21 - 0.20 = 0.01 < 0.02.
        assert_eq!(verdict_of(0.21, 0.35).level, "partly");
        assert_eq!(verdict_of(0.25, 0.15).level, "partly");
        assert_eq!(verdict_of(0.20, 0.15).level, "no");
    }

    #[test]
    fn verdict_names_the_strongest_baseline_and_the_distance() {
        let verdict = verdict_of(0.25, 0.15);
        assert_eq!(
            verdict.headline,
            "The heat maps beat both baselines in fuzzy F1, but do not beat the strongest \
             baseline in mass inside the experts' union."
        );
        assert_eq!(
            verdict.details[1],
            "In mass inside the experts' union the network (0.150) is 0.150 below the strongest \
             baseline, Center Gaussian."
        );
    }

    #[test]
    fn the_scale_from_the_baseline_to_the_raters_is_told() {
        let skill = Score { mean: Some(0.1), interval: Some([0.05, 0.2]), ..Score::default() };
        let relative = RelativeScores { skill, ..RelativeScores::default() };
        let record = EvalRecord {
            table_6: table(0.25, 0.35),
            baselines: BTreeMap::from([("random".to_owned(), table(0.20, 0.12))]),
            ceiling: table(0.70, 0.70),
            relative: BTreeMap::from([(UNION.to_owned(), relative)]),
            ..EvalRecord::default()
        };
        assert_eq!(
            verdict(&record).details[2],
            "On a scale from 0 (the strongest baseline) to 1 (raters among themselves, who reach a \
             fuzzy F1 of 0.700) the network stands at 0.100 95 %: 0.050 to 0.200."
        );
    }

    #[test]
    fn verdict_is_unknown_without_baselines_or_maps() {
        let alone = EvalRecord { table_6: table(0.3, 0.3), ..EvalRecord::default() };
        assert_eq!(verdict(&alone).level, "unknown");
        assert_eq!(verdict(&EvalRecord::default()).level, "unknown");
    }
}
