//! A page of tables.

use crate::error::ReportError;
use crate::template::{TABLES, Templates};
use dermx_eval::NOTICE;
use dermx_table::Table;
use serde::Serialize;

/// What a page of tables shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TablesPage {
    /// Heading of the page.
    pub title: String,
    /// The tables.
    pub tables: Vec<Table>,
    /// Paragraphs below them.
    pub notes: Vec<String>,
}

#[derive(Serialize)]
struct Context<'a> {
    title: &'a str,
    notice: &'static str,
    tables: Vec<String>,
    notes: &'a [String],
}

/// One self-contained HTML page under the notice that this is research output.
///
/// # Errors
/// A template that does not fit its values.
pub fn render_tables(page: &TablesPage) -> Result<String, ReportError> {
    let TablesPage { title, tables, notes } = page;
    let tables = tables.iter().map(Table::html).collect();
    Templates::new()?.render(TABLES, &Context { title, notice: NOTICE, tables, notes })
}

#[cfg(test)]
mod tests {
    use super::{TablesPage, render_tables};
    use dermx_table::{Column, Table};

    #[test]
    fn every_text_is_on_the_page_and_is_escaped() {
        let columns = [Column::text("device"), Column::number("rate").label("images a second")];
        let mut speed = Table::new("speed", "Speed", columns);
        speed.push(["<cpu>".into(), 5.7.into()]);
        let page = TablesPage {
            title: "Backends".to_string(),
            tables: vec![speed],
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
