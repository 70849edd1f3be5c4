//! Pictures of intervals: a dot with its interval for each row, beside what it is compared with.

use crate::axis::Axis;
use crate::score_cell::told_interval;
use crate::score_text::{counted, printable, readable};
use dermx_eval::{
    Comparison, Difference, EvalRecord, Lead, MIN_INTERVAL_IMAGES, Paired, RelativeScores, UNION,
};
use serde::Serialize;

const WIDTH: f64 = 420.0;
const LEFT: f64 = 14.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 50.0;
const ROW: f64 = 34.0;
/// So many letters of a name fit beside its numbers.
const LABEL_CHARS: usize = 30;
/// Skill beyond this is drawn as an arrow: a ceiling close to the baseline gives skills without bounds.
const SKILL_SHOWN: [f64; 2] = [-1.0, 1.5];

/// A picture in drawing units.
#[derive(Debug, Serialize)]
pub struct Dots {
    name: String,
    title: String,
    description: String,
    /// What the horizontal axis says.
    x_label: String,
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    ticks: Vec<Mark>,
    /// What rows are compared with, as lines from top to bottom.
    references: Vec<Mark>,
    /// Left end and width of what lies between the two references.
    band: Option<[String; 2]>,
    rows: Vec<DotRow>,
}

#[derive(Debug, Serialize)]
struct Mark {
    at: String,
    text: String,
    /// `start`, `middle` or `end`: where the text stands.
    anchor: &'static str,
}

#[derive(Debug, Serialize)]
struct DotRow {
    name: String,
    label: String,
    /// The numbers in digits.
    text: String,
    y: f64,
    x: String,
    interval: Option<[String; 2]>,
    /// One smaller dot for each seed.
    seeds: Vec<String>,
    /// `above`, `below` or `open`: where the interval lies beside 0.
    standing: &'static str,
    /// `left` or `right` where the value lies beyond the paper.
    beyond: &'static str,
    is_summary: bool,
}

/// One row before it is drawn.
struct Value {
    name: String,
    mean: f64,
    interval: Option<[f64; 2]>,
    /// What is said in place of an interval.
    instead: String,
    seeds: Vec<f64>,
    is_summary: bool,
}

impl Value {
    /// `None` where there is no mean.
    fn new(name: String, mean: Option<f64>, interval: Option<[f64; 2]>) -> Option<Self> {
        let mean = mean.filter(|mean| mean.is_finite())?;
        let is_finite = |bounds: &[f64; 2]| bounds.iter().all(|bound| bound.is_finite());
        let interval = told_interval(interval).filter(is_finite);
        let instead = "no interval".to_owned();
        Some(Self { name, mean, interval, instead, seeds: Vec::new(), is_summary: false })
    }

    fn standing(&self) -> &'static str {
        match self.interval {
            Some([low, _]) if low > 0.0 => "above",
            Some([_, high]) if high < 0.0 => "below",
            _ => "open",
        }
    }

    /// `+0.011 [+0.001, +0.020]`.
    fn text(&self) -> String {
        let interval = self.interval.map(|[low, high]| format!(" [{low:+.3}, {high:+.3}]"));
        format!("{:+.3}{}", self.mean, interval.unwrap_or_else(|| format!(" ({})", self.instead)))
    }
}

/// One score of a lead.
type PickLead = fn(&Lead) -> &Difference;

/// What a picture is of.
struct Subject {
    name: String,
    title: String,
    x_label: String,
    /// Values that rows are compared with, and what they are called; the first is 0.
    references: Vec<(f64, String)>,
    /// Ends of what is drawn; `None` for as far as the values reach.
    shown: Option<[f64; 2]>,
}

/// Skill by characteristic: 0 is the best map without a network, 1 the raters; `None` without a skill.
pub fn skill(record: &EvalRecord) -> Option<Dots> {
    let value = |name: &str| {
        let RelativeScores { skill: score, images, .. } = record.skill.get(name)?;
        let value = Value::new(readable(name), score.mean, score.interval)?;
        let seeds = score.seeds.iter().flatten().copied().filter(|seed| seed.is_finite());
        // Few images are why there is no interval; files of old versions do not know how many.
        let instead = match images {
            1..MIN_INTERVAL_IMAGES => counted(*images, "image"),
            _ => value.instead.clone(),
        };
        Some(Value { seeds: seeds.collect(), instead, ..value })
    };
    let names = record.skill.keys().filter(|name| *name != UNION);
    let mut values: Vec<Value> = names.filter_map(|name| value(name)).collect();
    values.sort_by(|one, other| other.mean.total_cmp(&one.mean));
    let union = value(UNION).map(|union| Value { is_summary: true, ..union });
    let values: Vec<Value> = union.into_iter().chain(values).collect();
    let subject = Subject {
        name: "skill".to_owned(),
        title: "Between the best baseline (0) and the raters (1)".to_owned(),
        x_label: "skill in fuzzy F1, with its 95 % interval over images".to_owned(),
        references: vec![(0.0, "best baseline".to_owned()), (1.0, "raters".to_owned())],
        shown: Some(SKILL_SHOWN),
    };
    draw(&subject, &values)
}

/// How far the network is ahead of each baseline on the union; `None` where that was not scored.
pub fn leads(record: &EvalRecord) -> Option<Dots> {
    let scores: [(&str, PickLead); 2] =
        [("Fuzzy F1", |lead| &lead.f1), ("Mass in mask", |lead| &lead.mass)];
    let values: Vec<Value> = scores
        .into_iter()
        .flat_map(|(score, pick)| {
            record.leads.iter().filter_map(move |(baseline, lead)| {
                let difference = pick(lead);
                let name = format!("{score} over {}", readable(baseline));
                Value::new(name, difference.mean, difference.interval)
            })
        })
        .collect();
    let images = record.leads.values().map(|lead| lead.f1.images).max().unwrap_or(0);
    let subject = Subject {
        name: "leads".to_owned(),
        title: "Ahead of maps without a network?".to_owned(),
        x_label: format!(
            "difference on the union, with its 95 % interval over {}",
            counted(images, "image")
        ),
        references: vec![(0.0, "level with that map".to_owned())],
        shown: None,
    };
    draw(&subject, &values)
}

/// The differences of a comparison, the union and the accuracy last; `None` where none is defined.
pub fn differences(comparison: &Comparison, number: usize) -> Option<Dots> {
    let value = |name: &str, paired: &Paired| {
        Value::new(readable(name), paired.difference, paired.interval)
    };
    let is_union = |name: &str| name == UNION;
    let rows = comparison.f1.iter().filter(|(name, _)| !is_union(name));
    let mut values: Vec<Value> = rows.filter_map(|(name, paired)| value(name, paired)).collect();
    values.sort_by(|one, other| other.mean.total_cmp(&one.mean));
    let sums = [
        comparison.f1.get(UNION).and_then(|paired| value("Union (fuzzy F1)", paired)),
        comparison.accuracy.as_ref().and_then(|paired| value("Accuracy of diagnoses", paired)),
    ];
    let sums = sums.into_iter().flatten().map(|value| Value { is_summary: true, ..value });
    let values: Vec<Value> = sums.chain(values).collect();
    let [first, second] = comparison.sides.each_ref().map(|side| printable(side));
    let subject = Subject {
        name: format!("comparison_{number}"),
        title: "A − B: right of 0, A is higher".to_owned(),
        x_label: "A − B, with its 95 % interval over images".to_owned(),
        references: vec![(0.0, "no difference".to_owned())],
        shown: None,
    };
    let mut dots = draw(&subject, &values)?;
    dots.description = format!("{first} (A) and {second} (B). {}", dots.description);
    Some(dots)
}

fn draw(subject: &Subject, values: &[Value]) -> Option<Dots> {
    if values.is_empty() {
        return None;
    }
    let ends = values.iter().flat_map(|value| {
        let interval = value.interval.unwrap_or([value.mean; 2]);
        interval.into_iter().chain([value.mean]).chain(value.seeds.iter().copied())
    });
    let clamp = |value: f64| subject.shown.map_or(value, |[low, high]| value.clamp(low, high));
    let references = subject.references.iter().map(|(value, _)| *value);
    let drawn: Vec<f64> = ends.map(clamp).chain(references).collect();
    let axis = Axis::between(&drawn)?;
    let (left, right) = (LEFT, WIDTH - RIGHT);
    let x = |value: f64| left + axis.position(clamp(value)) * (right - left);
    let ticks = axis.ticks.iter().map(|tick| Mark {
        at: unit(x(*tick)),
        text: axis.label(*tick),
        anchor: anchor(axis.position(*tick)),
    });
    let marks = subject.references.iter().map(|(value, text)| Mark {
        at: unit(x(*value)),
        text: text.clone(),
        anchor: anchor(axis.position(*value)),
    });
    let bottom = TOP + ROW * values.len() as f64 + 4.0;
    let rows = values.iter().enumerate().map(|(idx, value)| {
        let beyond = subject.shown.map_or("", |[low, high]| match value.mean {
            mean if mean < low => "left",
            mean if mean > high => "right",
            _ => "",
        });
        DotRow {
            name: value.name.clone(),
            label: shortened(&value.name),
            text: value.text(),
            y: TOP + ROW * idx as f64,
            x: unit(x(value.mean)),
            interval: value.interval.map(|[low, high]| [unit(x(low)), unit(x(high))]),
            seeds: value.seeds.iter().map(|seed| unit(x(*seed))).collect(),
            standing: value.standing(),
            beyond,
            is_summary: value.is_summary,
        }
    });
    let told: Vec<String> =
        values.iter().map(|value| format!("{} {}", value.name, value.text())).collect();
    Some(Dots {
        name: subject.name.clone(),
        title: subject.title.clone(),
        description: format!("{} {}: {}.", subject.title, subject.x_label, told.join("; ")),
        x_label: subject.x_label.clone(),
        width: WIDTH,
        height: bottom + 42.0,
        left,
        right,
        top: TOP,
        bottom,
        ticks: ticks.collect(),
        references: marks.collect(),
        band: match subject.references.as_slice() {
            [(low, _), (high, _)] => Some([unit(x(*low)), unit(x(*high) - x(*low))]),
            _ => None,
        },
        rows: rows.collect(),
    })
}

/// Texts near an edge of the paper stay on it.
fn anchor(position: f64) -> &'static str {
    match position {
        position if position < 0.2 => "start",
        position if position > 0.8 => "end",
        _ => "middle",
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LABEL_CHARS {
        return name.to_owned();
    }
    let start: String = name.chars().take(LABEL_CHARS - 1).collect();
    format!("{}…", start.trim_end())
}

/// A coordinate with a tenth of a unit.
fn unit(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dermx_eval::Score;
    use std::collections::BTreeMap;

    fn record(skills: &[(&str, f64, Option<[f64; 2]>)]) -> EvalRecord {
        let skills = skills.iter().map(|(name, mean, interval)| {
            let skill = Score { mean: Some(*mean), interval: *interval, ..Score::default() };
            let images = if interval.is_some() { 10 } else { 3 };
            ((*name).to_owned(), RelativeScores { skill, images, ..RelativeScores::default() })
        });
        EvalRecord { skill: skills.collect(), ..EvalRecord::default() }
    }

    #[test]
    fn a_dot_lies_where_its_skill_is_between_baseline_and_raters() {
        let record = record(&[
            ("Plaque", 0.5, Some([0.25, 0.75])),
            ("Union", -0.5, Some([-0.75, 0.0])),
            ("Scale", 0.75, None),
        ]);
        let dots = skill(&record).expect("a picture");
        let rows: Vec<(&str, &str)> =
            dots.rows.iter().map(|row| (row.name.as_str(), row.standing)).collect();
        // The union first, then from high to low; an interval that touches 0 says nothing.
        assert_eq!(rows, [("Union", "open"), ("Scale", "open"), ("Plaque", "above")]);
        // From -1 to 1 on 392 units from 14 on: 0 at 210, 1/2 at 308, 1/4 at 259, 3/4 at 357.
        assert_eq!(dots.band, Some(["210.0".to_owned(), "196.0".to_owned()]));
        assert_eq!(dots.rows[2].x, "308.0");
        assert_eq!(dots.rows[2].interval, Some(["259.0".to_owned(), "357.0".to_owned()]));
        for shown in ["Plaque +0.500 [+0.250, +0.750]", "Scale +0.750 (3 images)"] {
            assert!(dots.description.contains(shown), "{shown}: {}", dots.description);
        }
    }

    #[test]
    fn what_lies_beyond_the_paper_is_an_arrow_with_its_number() {
        let dots = skill(&record(&[("Plaque", -7.0, Some([-9.0, -4.0]))])).expect("a picture");
        assert_eq!((dots.rows[0].beyond, dots.rows[0].standing), ("left", "below"));
        assert!(dots.rows[0].text.starts_with("-7.000"));
    }

    #[test]
    fn leads_are_named_by_score_and_map() {
        let of = |mean: f64| Difference {
            mean: Some(mean),
            interval: Some([mean - 0.02, mean + 0.02]),
            images: 12,
        };
        let lead = Lead { f1: of(0.05), mass: of(0.01) };
        let leads_of = BTreeMap::from([("centre_gaussian".to_owned(), lead)]);
        let record = EvalRecord { leads: leads_of, ..EvalRecord::default() };
        let dots = leads(&record).expect("a picture");
        let rows: Vec<(&str, &str)> =
            dots.rows.iter().map(|row| (row.name.as_str(), row.standing)).collect();
        let expected = [
            ("Fuzzy F1 over Center Gaussian", "above"),
            ("Mass in mask over Center Gaussian", "open"),
        ];
        assert_eq!(rows, expected);
        assert!(leads(&EvalRecord::default()).is_none() && skill(&EvalRecord::default()).is_none());
    }
}
