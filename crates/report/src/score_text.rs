//! How a number and a name read.

use dermx_eval::{EvalRecord, Score};

/// What stands where there is nothing to show.
pub const ABSENT: &str = "–";

/// A score in words: `0.310`, `± 0.020`, `1 undefined`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoreText {
    /// The mean, or why there is none.
    pub mean: String,
    /// Spread over the seeds; empty for one network, whose spread over rows is another thing.
    pub spread: String,
    /// How many values were undefined beside defined ones; empty for none.
    pub note: String,
}

impl ScoreText {
    pub fn new(score: &Score) -> Self {
        let Some(mean) = defined(score) else {
            return Self { mean: missing(score), ..Self::default() };
        };
        let spread = score.std.filter(|std| std.is_finite() && !score.seeds.is_empty());
        let note = match score.undefined {
            0 => String::new(),
            count => format!("{count} undefined"),
        };
        Self {
            mean: decimal(mean),
            spread: spread.map(|std| format!("± {}", decimal(std))).unwrap_or_default(),
            note,
        }
    }

    /// Mean and spread in one text.
    pub fn line(&self) -> String {
        join(&self.mean, &self.spread)
    }
}

/// The interval in words; empty where there is none.
pub fn interval(score: &Score) -> String {
    let text = |[low, high]: [f64; 2]| format!("95 %: {} to {}", decimal(low), decimal(high));
    score.interval.map(text).unwrap_or_default()
}

/// The mean, if it is a number.
pub fn defined(score: &Score) -> Option<f64> {
    score.mean.filter(|mean| mean.is_finite())
}

fn missing(score: &Score) -> String {
    match (score.undefined, score.mean) {
        (0, None) => ABSENT.to_owned(),
        (0, Some(_)) => "undefined".to_owned(),
        (count, _) => format!("undefined ({count})"),
    }
}

/// Three decimals: a thousandth is far below the spread of any score here.
pub fn decimal(value: f64) -> String {
    format!("{value:.3}")
}

/// Three decimals, or that the value is undefined.
pub fn decimal_or_undefined(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or("undefined".to_owned(), decimal)
}

/// `3 seeds`, `1 seed`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `74`, or `73–74` where the counts differ, or that there are none.
pub fn count_range(counts: &[u64]) -> String {
    match (counts.iter().min(), counts.iter().max()) {
        (Some(low), Some(high)) if low == high => low.to_string(),
        (Some(low), Some(high)) => format!("{low}–{high}"),
        _ => ABSENT.to_owned(),
    }
}

/// A key or folder name as words.
pub fn readable(name: &str) -> String {
    match name {
        "random" => "Random".to_owned(),
        "centre_gaussian" => "Center Gaussian".to_owned(),
        "uniform_ones" => "All ones".to_owned(),
        other => other.replace(|c: char| c == '_' || c.is_control(), " "),
    }
}

/// Two texts with a space between them where both say something.
pub fn join(left: &str, right: &str) -> String {
    if left.is_empty() || right.is_empty() {
        return format!("{left}{right}");
    }
    format!("{left} {right}")
}

/// What `±` means in the tables of this record.
pub fn spread_meaning(record: &EvalRecord) -> String {
    match record.seeds.len() {
        0 => "One set of maps, so no spread.".to_owned(),
        1 => "One seed, so no spread.".to_owned(),
        count => format!("Mean ± sample standard deviation over {count} seeds."),
    }
}
