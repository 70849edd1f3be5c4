//! What a table is made of.

/// Named columns and rows of typed cells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// The name of its file, without an extension.
    pub name: String,
    /// What it shows; may be empty.
    pub title: String,
    /// The columns; the first one names the rows.
    pub columns: Vec<Column>,
    /// The rows, with a cell for each column.
    pub rows: Vec<Row>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What programs call it.
    pub name: String,
    /// What people call it; the name with spaces for underscores, if nothing else is said.
    pub label: String,
    /// A heading over neighbouring columns of the same group; empty for none.
    pub group: String,
    /// What its cells hold.
    pub kind: Kind,
    /// Digits after the point that people see; `None` for three significant digits.
    pub decimals: Option<usize>,
    /// Whether people see a plus sign before what is not negative.
    pub is_signed: bool,
}

/// What the cells of a column hold, which decides how many columns it has in CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A number of things.
    Count,
    /// A number: `f1`, with `f1_std` if its spread is known, and `f1_low` and `f1_high` if its interval is.
    Score {
        /// Whether cells may have a standard deviation.
        has_std: bool,
        /// Whether cells may have an interval.
        has_interval: bool,
    },
    /// A p value.
    P,
}

/// A row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// A cell for each column.
    pub cells: Vec<Cell>,
    /// Whether the row sums up the others.
    pub is_summary: bool,
}

/// What a table holds in one place.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A number of things.
    Count(u64),
    /// A number, perhaps with spread and interval.
    Score(Score),
    /// A p value.
    P(f64),
    /// No value, and what people read in its place; CSV has nothing, JSON `null`.
    Undefined(String),
}

/// A number, perhaps with spread and interval.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// The number; as good as undefined unless finite.
    pub mean: f64,
    /// Its standard deviation.
    pub std: Option<f64>,
    /// The ends of its interval.
    pub interval: Option<[f64; 2]>,
    /// How many undefined values its mean leaves out; people see them.
    pub num_undefined: usize,
    /// Whether it is the best of several; people see it in bold.
    pub is_best: bool,
}

impl Table {
    /// A table without rows.
    pub fn new(
        name: impl Into<String>,
        title: impl Into<String>,
        columns: impl IntoIterator<Item = Column>,
    ) -> Self {
        let columns = columns.into_iter().collect();
        Self { name: name.into(), title: title.into(), columns, rows: Vec::new() }
    }

    /// Adds a row, with a cell for each column.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(Row { cells: cells.into_iter().collect(), is_summary: false });
    }

    /// Adds a row that sums up others.
    pub fn push_summary(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(Row { cells: cells.into_iter().collect(), is_summary: true });
    }

    /// The columns with the cells of `row`, as many as there are columns.
    pub(crate) fn cells<'a>(
        &'a self,
        row: &'a Row,
    ) -> impl Iterator<Item = (&'a Column, &'a Cell)> {
        const NOTHING: &Cell = &Cell::Undefined(String::new());
        let cells = row.cells.iter().chain(std::iter::repeat(NOTHING));
        self.columns.iter().zip(cells)
    }
}

impl Column {
    fn new(name: &str, kind: Kind, decimals: Option<usize>) -> Self {
        let (name, label) = (name.to_string(), name.replace('_', " "));
        Self { name, label, group: String::new(), kind, decimals, is_signed: false }
    }

    /// A column of texts.
    pub fn text(name: &str) -> Self {
        Self::new(name, Kind::Text, None)
    }

    /// A column of counts.
    pub fn count(name: &str) -> Self {
        Self::new(name, Kind::Count, None)
    }

    /// A column of numbers alone, with three significant digits.
    pub fn number(name: &str) -> Self {
        Self::new(name, Kind::Score { has_std: false, has_interval: false }, None)
    }

    /// A column of scores with spread and interval, with three digits after the point.
    pub fn score(name: &str) -> Self {
        Self::new(name, Kind::Score { has_std: true, has_interval: true }, Some(3))
    }

    /// A column of scores with spread.
    pub fn mean_and_std(name: &str) -> Self {
        Self { kind: Kind::Score { has_std: true, has_interval: false }, ..Self::score(name) }
    }

    /// A column of scores with an interval.
    pub fn mean_and_interval(name: &str) -> Self {
        Self { kind: Kind::Score { has_std: false, has_interval: true }, ..Self::score(name) }
    }

    /// A column of p values.
    pub fn p(name: &str) -> Self {
        Self::new(name, Kind::P, Some(3))
    }

    /// The same with what people call it.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// The same under a heading.
    #[must_use]
    pub fn group(self, group: impl Into<String>) -> Self {
        Self { group: group.into(), ..self }
    }

    /// The same with so many digits after the point.
    #[must_use]
    pub fn decimals(self, decimals: usize) -> Self {
        Self { decimals: Some(decimals), ..self }
    }

    /// The same with a sign before every number.
    #[must_use]
    pub fn signed(self) -> Self {
        Self { is_signed: true, ..self }
    }

    /// The label under its group, for tables of one heading a column.
    pub(crate) fn full_label(&self) -> String {
        let space = if self.group.is_empty() || self.label.is_empty() { "" } else { " " };
        format!("{}{space}{}", self.group, self.label)
    }
}

impl Score {
    /// A number alone.
    pub fn new(mean: f64) -> Self {
        Self { mean, ..Self::default() }
    }
}

impl Cell {
    /// A number alone, or why there is none.
    pub fn number_or(value: Option<f64>, why: &str) -> Self {
        value.map_or_else(|| Self::Undefined(why.to_string()), Self::from)
    }

    /// A p value, or why there is none.
    pub fn p_or(value: Option<f64>, why: &str) -> Self {
        value.map_or_else(|| Self::Undefined(why.to_string()), Self::P)
    }

    /// A count, or why there is none.
    pub fn count_or(value: Option<u64>, why: &str) -> Self {
        value.map_or_else(|| Self::Undefined(why.to_string()), Self::Count)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_string())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Cell {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Score(Score::new(number))
    }
}

impl From<Option<f64>> for Cell {
    /// `undefined` for `None`.
    fn from(number: Option<f64>) -> Self {
        Self::number_or(number, "undefined")
    }
}

impl From<Score> for Cell {
    fn from(score: Score) -> Self {
        Self::Score(score)
    }
}
