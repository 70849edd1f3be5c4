//! Tables and drawings in the forms of a page, with the files that they are in.

use crate::error::ReportError;
use crate::template::{Drawing, Templates};
use dermx_table::Table;
use serde::Serialize;

/// A drawing, for the page and as a file of its own.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// Where its file is.
    pub path: String,
    description: String,
    inline_svg: String,
    /// What its file holds.
    #[serde(skip)]
    pub file_svg: String,
}

impl Figure {
    /// Draws with the template `name`; the file is below `figures`.
    ///
    /// # Errors
    /// A template that does not fit its values.
    pub fn draw(
        templates: &Templates,
        name: &str,
        figure: &impl Serialize,
    ) -> Result<Self, ReportError> {
        let Drawing { name, description, inline_svg, file_svg } = templates.figure(name, figure)?;
        Ok(Self { path: format!("figures/{name}.svg"), description, inline_svg, file_svg })
    }
}

/// A table in the forms of the page.
#[derive(Debug, Serialize)]
pub struct Drawn {
    html: String,
    markdown: String,
    /// Files of the same table: what they are called, and their paths.
    links: [(&'static str, String); 2],
}

impl From<Table> for Drawn {
    fn from(table: Table) -> Self {
        let links = [("CSV", csv_path(&table.name)), ("LaTeX", latex_path(&table.name))];
        Self { html: table.html(), markdown: table.markdown(), links }
    }
}

/// Where the table `name` is as CSV.
pub fn csv_path(name: &str) -> String {
    format!("tables/{name}.csv")
}

/// Where the table `name` is in LaTeX.
pub fn latex_path(name: &str) -> String {
    format!("tables/{name}.tex")
}
