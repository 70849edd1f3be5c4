//! Tables in Markdown.

use crate::reading::Reading;
use crate::table::{Kind, Table};

impl Table {
    /// The title, then the table.
    pub fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let header = self.columns.iter().map(|column| escape(&column.full_label()));
        let rule = self.columns.iter().map(|column| match column.kind {
            Kind::Text => ":---".to_string(),
            _ => "---:".to_string(),
        });
        let rows = self.rows.iter().map(|row| {
            let cells = self.cells(row).map(|(column, cell)| {
                let mut reading = Reading::new(column, cell);
                reading.text = escape(&reading.text);
                if reading.is_best {
                    reading.text = format!("**{}**", reading.text);
                }
                reading.line()
            });
            line(cells.collect())
        });
        let title = match self.title.is_empty() {
            true => String::new(),
            false => format!("{}\n\n", escape_markdown(&self.title)),
        };
        format!(
            "{title}{}{}{}",
            line(header.collect()),
            line(rule.collect()),
            rows.collect::<String>()
        )
    }
}

/// Text that Markdown shows as it is, on one line: also inside a table, also at its start.
pub fn escape_markdown(text: &str) -> String {
    let escaped = escape(text);
    let is_list = text.starts_with(['+', '-', '=']);
    if is_list { format!("\\{escaped}") } else { escaped }
}

/// The same, but not at the start of a line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>|&#~$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(if c.is_control() { ' ' } else { c });
    }
    escaped
}
