//! How a number and a name read.

use dermx_eval::{EvalRecord, Score};

/// What stands where there is nothing to show.
pub const ABSENT: &str = "–";

/// The mean, if it is a number.
pub fn defined(score: &Score) -> Option<f64> {
    score.mean.filter(|mean| mean.is_finite())
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

/// A name of others without characters that no figure may have.
pub fn printable(name: &str) -> String {
    name.replace(char::is_control, " ")
}

/// What `±` means in the tables of this record.
pub fn spread_meaning(record: &EvalRecord) -> String {
    match record.seeds.len() {
        0 if record.explanation.is_empty() => "One set of predictions, so no spread.".to_owned(),
        0 => "One set of maps, so no spread.".to_owned(),
        1 => "One seed, so no spread.".to_owned(),
        count => format!("Mean ± sample standard deviation over {count} seeds."),
    }
}
