//! A page of tables.

use crate::error::ReportError;
use crate::template::{TABLES, Templates};
use dermx_eval::NOTICE;
use serde::Serialize;

/// A table of texts.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlainTable {
    /// What it shows.
    pub caption: String,
    /// Heading of each column; the first column names the rows.
    pub header: Vec<String>,
    /// As long as the header each.
    pub rows: Vec<Vec<String>>,
}

/// What a page of tables shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TablesPage {
    /// Heading of the page.
    pub title: String,
    /// The tables.
    pub tables: Vec<PlainTable>,
    /// Paragraphs below them.
    pub notes: Vec<String>,
}

#[derive(Serialize)]
struct Context<'a> {
    #[serde(flatten)]
    page: &'a TablesPage,
    notice: &'static str,
}

/// One self-contained HTML page under the notice that this is research output.
///
/// # Errors
/// None that a caller can cause.
pub fn render_tables(page: &TablesPage) -> Result<String, ReportError> {
    Templates::new()?.render(TABLES, &Context { page, notice: NOTICE })
}

#[cfg(test)]
mod tests {
    use super::{PlainTable, TablesPage, render_tables};

    #[test]
    fn every_text_is_on_the_page_and_is_escaped() {
        let page = TablesPage {
            title: "Backends".to_string(),
            tables: vec![PlainTable {
                caption: "Speed".to_string(),
                header: vec!["device".to_string(), "images a second".to_string()],
                rows: vec![vec!["<cpu>".to_string(), "5.70".to_string()]],
            }],
            notes: vec!["A note.".to_string()],
        };
        let html = render_tables(&page).unwrap();
        for part in
            ["Backends", "Speed", "images a second", "&lt;cpu&gt;", "5.70", "A note.", "Research"]
        {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("<cpu>"));
    }
}
