//! Whether the network's maps beat maps that never saw a network.

use crate::score_cell::shown_reading;
use crate::score_text::{counted, decimal, defined, readable};
use dermx_eval::{Difference, EvalRecord, Lead, MapScores, RelativeScores, Score, UNION};

/// What the raters among themselves are called beside the network.
pub const RATERS: &str = "Raters among themselves";

/// What has to be said beside every table of explanations.
pub const CAVEAT: &str = "Scores of heat maps read alone cannot say that a network explains anything: \
    a map that never saw a network scores there too. Only the distance to the baselines counts.";

/// One score of the union row: the network beside each baseline.
struct BesideBaselines<'a> {
    measure: &'static str,
    network: f64,
    /// Standard deviation over seeds, and how many there are.
    spread: Option<(f64, usize)>,
    baselines: Vec<Rival<'a>>,
}

/// A baseline, and how far the network is ahead of it over images.
struct Rival<'a> {
    name: String,
    mean: f64,
    lead: Option<&'a Difference>,
}

/// How the network stands to baselines, by the intervals of the differences over images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Every interval is above 0.
    Ahead,
    /// One interval is below 0.
    Behind,
    /// Neither.
    Open,
    /// There is no interval of some difference.
    Unknown,
}

impl<'a> BesideBaselines<'a> {
    /// `None` where the network has no such score.
    fn new(
        record: &'a EvalRecord,
        measure: &'static str,
        pick: fn(&MapScores) -> &Score,
        lead: fn(&Lead) -> &Difference,
    ) -> Option<Self> {
        let score = pick(record.explanation.get(UNION)?);
        let baselines = record.baselines.iter().filter_map(|(name, table)| {
            Some(Rival {
                name: readable(name),
                mean: defined(pick(table.get(UNION)?))?,
                lead: record.leads.get(name).map(lead),
            })
        });
        Some(Self {
            measure,
            network: defined(score)?,
            spread: score
                .std
                .filter(|std| std.is_finite() && !score.seeds.is_empty())
                .map(|std| (std, score.seeds.iter().flatten().count())),
            baselines: baselines.collect(),
        })
    }

    fn standing(&self) -> Standing {
        let bounds: Option<Vec<[f64; 2]>> =
            self.baselines.iter().map(|rival| rival.lead?.interval).collect();
        match bounds {
            None => Standing::Unknown,
            Some(bounds) if bounds.iter().all(|[low, _]| *low > 0.0) => Standing::Ahead,
            Some(bounds) if bounds.iter().any(|[_, high]| *high < 0.0) => Standing::Behind,
            Some(_) => Standing::Open,
        }
    }

    /// The baseline with the highest mean.
    fn strongest(&self) -> Option<&Rival<'a>> {
        self.baselines.iter().max_by(|a, b| a.mean.total_cmp(&b.mean))
    }

    fn sentence(&self) -> String {
        let Some(rival) = self.strongest() else {
            return format!("No baseline has a defined {}.", self.measure);
        };
        let lead = self.network - rival.mean;
        let place = if lead > 0.0 {
            format!("{} above", decimal(lead))
        } else if lead < 0.0 {
            format!("{} below", decimal(-lead))
        } else {
            "level with".to_owned()
        };
        let by_image = rival.lead.and_then(|lead| {
            let [low, high] = lead.interval?;
            Some(format!(
                "; image by image the difference is {} (95 % interval over {} {} to {})",
                decimal(lead.mean?),
                counted(lead.images, "image"),
                decimal(low),
                decimal(high)
            ))
        });
        let doubt = match self.spread {
            Some((std, num_seeds)) if lead > 0.0 && lead < std => {
                let seeds = counted(num_seeds, "seed");
                format!(", a lead smaller than the spread over {seeds} ({})", decimal(std))
            }
            _ => String::new(),
        };
        format!(
            "In {} the heat maps ({}) are {place} the strongest baseline, {}{doubt}{}.",
            self.measure,
            decimal(self.network),
            rival.name,
            by_image.unwrap_or_default(),
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
///
/// The network beats baselines where the interval of the difference over images is above 0 for each of
/// them. What holds for all of several baselines needs no correction for their number.
pub fn verdict(record: &EvalRecord) -> Verdict {
    let comparisons: Vec<BesideBaselines<'_>> = [
        BesideBaselines::new(record, "fuzzy F1", |scores| &scores.f1, |lead| &lead.f1),
        BesideBaselines::new(
            record,
            "mass on the experts' union",
            |scores| &scores.mass,
            |lead| &lead.mass,
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    if comparisons.is_empty() {
        return unknown(
            "No heat map was scored: that takes masks of what people see in the images.",
        );
    }
    let comparable: Vec<&BesideBaselines<'_>> =
        comparisons.iter().filter(|comparison| !comparison.baselines.is_empty()).collect();
    if comparable.is_empty() {
        return unknown("No baseline was scored beside the heat maps, so they cannot be judged.");
    }
    let (level, headline) = headline(&comparable);
    let mut details: Vec<String> = comparisons.iter().map(BesideBaselines::sentence).collect();
    details.extend(skill(record));
    if record.ceiling.is_empty() {
        details.push(format!("There is no skill score: {NO_CEILING}."));
    }
    Verdict { level, headline, details }
}

/// Why maps cannot be compared with raters.
pub const NO_CEILING: &str =
    "no two raters marked the same in an image, so there is no ceiling to measure it by";

/// How far the network has come from the best baseline to the raters.
fn skill(record: &EvalRecord) -> Option<String> {
    let RelativeScores { skill, images, .. } = record.skill.get(UNION)?;
    let raters = defined(&record.ceiling.get(UNION)?.f1)?;
    defined(skill)?;
    // Files of old versions do not know on how many.
    let measured_on = match images {
        0 => String::new(),
        _ => format!("; all three on the {images} images that two raters or more outlined"),
    };
    Some(format!(
        "On a scale from 0 (the strongest baseline) to 1 (raters among themselves, who reach a fuzzy \
         F1 of {}) the heat maps stand at {}{measured_on}.",
        decimal(raters),
        shown_reading(Some(skill)).line(),
    ))
}

fn unknown(headline: &str) -> Verdict {
    Verdict { level: "unknown", headline: headline.to_owned(), details: Vec::new() }
}

fn headline(comparisons: &[&BesideBaselines<'_>]) -> (&'static str, String) {
    let named = |standing: Standing, joint: &str| -> Option<String> {
        let chosen = comparisons.iter().filter(|comparison| comparison.standing() == standing);
        let measures: Vec<&str> = chosen.map(|comparison| comparison.measure).collect();
        (!measures.is_empty()).then(|| measures.join(joint))
    };
    if named(Standing::Unknown, "").is_some() {
        let headline = "There is no interval of the distance to the baselines over images, so the \
                        heat maps cannot be judged; score them again.";
        return ("unknown", headline.to_owned());
    }
    let ahead = named(Standing::Ahead, " and in ")
        .map(|measures| format!("The heat maps beat {} in {measures}", rivals(comparisons)));
    let behind = named(Standing::Behind, " and in ")
        .map(|measures| format!("are worse than a map without a network in {measures}"));
    let open = named(Standing::Open, " nor in ")
        .map(|measures| format!("cannot be told from the strongest baseline in {measures}"));
    let others: Vec<String> = behind.into_iter().chain(open).collect();
    match (ahead, others.is_empty()) {
        (Some(ahead), true) => ("yes", format!("{ahead}.")),
        (Some(ahead), false) => ("partly", format!("{ahead}, but {}.", others.join(" and "))),
        (None, _) => ("no", format!("The heat maps {}.", others.join(" and "))),
    }
}

fn rivals(comparisons: &[&BesideBaselines<'_>]) -> &'static str {
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

    fn difference(mean: f64, half: f64) -> Difference {
        Difference { mean: Some(mean), interval: Some([mean - half, mean + half]), images: 12 }
    }

    /// The network's F1 and mass beside two baselines; every interval is as wide.
    fn record(f1: f64, mass: f64, half: f64) -> EvalRecord {
        let lead = |baseline: [f64; 2]| Lead {
            f1: difference(f1 - baseline[0], half),
            mass: difference(mass - baseline[1], half),
        };
        EvalRecord {
            explanation: table(f1, mass),
            baselines: BTreeMap::from([
                ("random".to_owned(), table(0.10, 0.12)),
                ("centre_gaussian".to_owned(), table(0.20, 0.30)),
            ]),
            leads: BTreeMap::from([
                ("random".to_owned(), lead([0.10, 0.12])),
                ("centre_gaussian".to_owned(), lead([0.20, 0.30])),
            ]),
            ..EvalRecord::default()
        }
    }

    #[test]
    fn maps_beat_baselines_only_where_every_interval_is_above_zero() {
        let level = |f1, mass, half| verdict(&record(f1, mass, half)).level;
        assert_eq!(level(0.25, 0.35, 0.04), "yes");
        // Leads of .05 with an interval from -.01.
        assert_eq!(level(0.25, 0.35, 0.06), "no");
        assert_eq!(level(0.25, 0.31, 0.04), "partly");
        assert_eq!(level(0.20, 0.15, 0.04), "no");
        let headline = verdict(&record(0.25, 0.31, 0.04)).headline;
        assert_eq!(
            headline,
            "The heat maps beat both baselines in fuzzy F1, but cannot be told from the strongest \
             baseline in mass on the experts' union."
        );
        // The other baseline counts, too.
        let mut one = record(0.25, 0.35, 0.04);
        one.leads.get_mut("random").unwrap().f1 = difference(0.15, 0.2);
        assert_eq!(verdict(&one).level, "partly");
    }

    #[test]
    fn verdict_names_the_strongest_baseline_and_the_distance() {
        let verdict = verdict(&record(0.25, 0.15, 0.04));
        assert_eq!(
            verdict.headline,
            "The heat maps beat both baselines in fuzzy F1, but are worse than a map without \
             a network in mass on the experts' union."
        );
        assert_eq!(
            verdict.details[1],
            "In mass on the experts' union the heat maps (0.150) are 0.150 below the strongest \
             baseline, Center Gaussian; image by image the difference is -0.150 (95 % interval over \
             12 images -0.190 to -0.110)."
        );
    }

    #[test]
    fn without_intervals_nothing_is_claimed() {
        let old = EvalRecord { leads: BTreeMap::new(), ..record(0.5, 0.5, 0.01) };
        let found = verdict(&old);
        assert_eq!(found.level, "unknown");
        assert!(found.headline.contains("score them again"), "{}", found.headline);
    }

    #[test]
    fn the_scale_from_the_baseline_to_the_raters_is_told() {
        let skill = Score { mean: Some(0.1), interval: Some([0.05, 0.2]), ..Score::default() };
        let relative = RelativeScores { skill, images: 21, ..RelativeScores::default() };
        let record = EvalRecord {
            explanation: table(0.25, 0.35),
            baselines: BTreeMap::from([("random".to_owned(), table(0.20, 0.12))]),
            ceiling: table(0.70, 0.70),
            skill: BTreeMap::from([(UNION.to_owned(), relative)]),
            ..EvalRecord::default()
        };
        assert_eq!(
            verdict(&record).details[2],
            "On a scale from 0 (the strongest baseline) to 1 (raters among themselves, who reach a \
             fuzzy F1 of 0.700) the heat maps stand at 0.100 [0.050, 0.200]; all three on the 21 images \
             that two raters or more outlined."
        );
    }

    #[test]
    fn verdict_is_unknown_without_baselines_or_maps() {
        let alone = EvalRecord { explanation: table(0.3, 0.3), ..EvalRecord::default() };
        assert_eq!(verdict(&alone).level, "unknown");
        assert_eq!(verdict(&EvalRecord::default()).level, "unknown");
    }
}
