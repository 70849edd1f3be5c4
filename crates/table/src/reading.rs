//! How people read a cell: the one rule of all renderers for people.

use crate::table::{Cell, Column, Score};

/// What people read in a place where a number is undefined.
const UNDEFINED: &str = "undefined";

/// A cell as people read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Text, number, or why there is none.
    pub text: String,
    /// `± std`, `[low, high]`, or both; may be empty.
    pub spread: String,
    /// What else has to be said; may be empty.
    pub note: String,
    /// Whether the text is in bold.
    pub is_best: bool,
}

impl Reading {
    /// How `cell` reads in `column`.
    pub fn new(column: &Column, cell: &Cell) -> Self {
        let text = match cell {
            Cell::Text(text) | Cell::Undefined(text) => text.clone(),
            Cell::Count(count) => count.to_string(),
            Cell::P(p) => p_text(*p, column),
            Cell::Score(score) => return Self::of_score(score, column),
        };
        Self { text, ..Self::default() }
    }

    fn of_score(score: &Score, column: &Column) -> Self {
        let Score { mean, std, interval, num_undefined, is_best } = *score;
        if !mean.is_finite() {
            return Self { text: UNDEFINED.to_string(), ..Self::default() };
        }
        let number = |value: f64| signed(value, column);
        let std = std.filter(|std| std.is_finite());
        let interval = interval.filter(|bounds| bounds.iter().all(|bound| bound.is_finite()));
        let std = std.map(|std| format!("± {}", number_text(std, column.decimals)));
        let interval = interval.map(|[low, high]| format!("[{}, {}]", number(low), number(high)));
        let note = match num_undefined {
            0 => String::new(),
            count => format!("({count} undefined)"),
        };
        let spread = [std, interval].into_iter().flatten().collect::<Vec<_>>().join(" ");
        Self { text: number(mean), spread, note, is_best }
    }

    /// All of it in one line.
    pub fn line(&self) -> String {
        let parts = [&self.text, &self.spread, &self.note].map(String::as_str);
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

fn p_text(p: f64, column: &Column) -> String {
    let least = format!("{:.*}1", column.decimals.unwrap_or(3).saturating_sub(1), 0.0);
    match least.parse() {
        _ if !p.is_finite() => UNDEFINED.to_string(),
        Ok(bound) if p < bound => format!("< {least}"),
        _ => number_text(p, column.decimals),
    }
}

fn signed(value: f64, column: &Column) -> String {
    let text = number_text(value, column.decimals);
    match column.is_signed && !text.starts_with('-') {
        true => format!("+{text}"),
        false => text,
    }
}

fn number_text(value: f64, decimals: Option<usize>) -> String {
    decimals.map_or_else(|| number(value), |decimals| format!("{value:.decimals$}"))
}

/// The number with three significant digits: `0.0123`, `5.70`, `1234567`, `1.20e-7`.
pub fn number(value: f64) -> String {
    let scientific = format!("{value:.2e}");
    // Rounded already, so that 9.999 is 10.0.
    let exponent = scientific.split_once('e').and_then(|(_, text)| text.parse::<i32>().ok());
    match exponent {
        Some(0) if value == 0.0 => "0".to_string(),
        Some(exponent @ -3..=8) => {
            let decimals = usize::try_from(2 - exponent).unwrap_or(0);
            format!("{value:.decimals$}")
        }
        _ => scientific,
    }
}
