//! Tables as CSV: a header, then a line for each row, numbers in full precision.

use crate::table::{Cell, Column, Kind, Table};
use csv::WriterBuilder;
use std::borrow::Cow;

impl Table {
    /// The header and the rows. A score has up to four columns: `f1`, `f1_std`, `f1_low`, `f1_high`,
    /// as its [`Kind`] says; what is undefined is empty.
    pub fn csv(&self) -> Vec<u8> {
        let header = self.columns.iter().flat_map(names).collect();
        let rows = self.rows.iter().map(|row| {
            self.cells(row).flat_map(|(column, cell)| fields(column, cell)).collect::<Vec<_>>()
        });
        csv(std::iter::once(header).chain(rows))
    }
}

fn names(column: &Column) -> Vec<String> {
    let name = &column.name;
    parts(
        column.kind,
        [name.clone(), format!("{name}_std"), format!("{name}_low"), format!("{name}_high")],
    )
}

fn fields(column: &Column, cell: &Cell) -> Vec<String> {
    let of = match cell {
        Cell::Text(text) => [text.clone(), String::new(), String::new(), String::new()],
        Cell::Count(count) => [count.to_string(), String::new(), String::new(), String::new()],
        Cell::P(p) => [Some(*p), None, None, None].map(number),
        Cell::Undefined(_) => Default::default(),
        Cell::Score(score) => {
            let [low, high] = score.interval.map_or([None; 2], |bounds| bounds.map(Some));
            [Some(score.mean), score.std, low, high].map(number)
        }
    };
    parts(column.kind, of)
}

/// Of a mean, a standard deviation and the ends of an interval, those that the kind has.
fn parts(kind: Kind, [mean, std, low, high]: [String; 4]) -> Vec<String> {
    match kind {
        Kind::Score { has_std: true, has_interval: true } => vec![mean, std, low, high],
        Kind::Score { has_std: true, has_interval: false } => vec![mean, std],
        Kind::Score { has_std: false, has_interval: true } => vec![mean, low, high],
        _ => vec![mean],
    }
}

/// The shortest digits that read back as the same number.
fn number(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or(String::new(), |value| value.to_string())
}

/// The bytes of a CSV file: RFC 4180 with `\n` after each record; quotes only where they are needed.
///
/// A cell that a spreadsheet would compute (`=cmd`, `+1+2`, `@sum`) gets an apostrophe in front, which
/// [`unguarded`] takes away again; numbers stay as they are.
pub fn csv<R>(records: impl IntoIterator<Item = R>) -> Vec<u8>
where
    R: IntoIterator,
    R::Item: AsRef<[u8]>,
{
    let mut writer = WriterBuilder::new().flexible(true).from_writer(Vec::new());
    let written = records
        .into_iter()
        .try_for_each(|record| writer.write_record(record.into_iter().map(guarded)));
    #[expect(
        clippy::expect_used,
        reason = "writing into memory fails only where lengths must agree"
    )]
    written.expect("CSV in memory");
    #[expect(clippy::expect_used, reason = "flushing into memory cannot fail")]
    writer.into_inner().expect("CSV in memory")
}

/// A cell of [`csv()`] as it was before it was written.
pub fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| is_formula(text)).unwrap_or(cell)
}

/// A cell for a file of a layout that others made, in which nothing stands before a formula: the text as it is, but with
/// one apostrophe more where [`unguarded`] would take one away.
pub fn readable(text: &str) -> Cow<'_, str> {
    if unguarded(text) == text { text.into() } else { format!("'{text}").into() }
}

fn guarded(cell: impl AsRef<[u8]>) -> Vec<u8> {
    let cell = cell.as_ref();
    let is_formula = std::str::from_utf8(cell).is_ok_and(is_formula);
    let guard: &[u8] = if is_formula { b"'" } else { b"" };
    [guard, cell].concat()
}

/// Whether a spreadsheet would compute the text. What looks guarded already counts, too, so that one
/// apostrophe taken away is always the one that was added.
fn is_formula(text: &str) -> bool {
    let first = text.trim_start_matches('\'').chars().next();
    let computes = |c| "=+-@\t\r\n\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(c);
    first.is_some_and(computes) && text.parse::<f64>().is_err()
}
