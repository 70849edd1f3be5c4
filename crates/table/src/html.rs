//! Tables in HTML.

use crate::reading::Reading;
use crate::table::{Column, Kind, Table};

impl Table {
    /// A `table` under its title, in a region of its own that scrolls.
    ///
    /// Classes: `dense` (columns under groups), `group`, `starts` (the first column of a group), `text`
    /// (columns of texts), `sum` (rows that sum up), `spread`, `note`.
    pub fn html(&self) -> String {
        let title = escape_html(&self.title);
        let label =
            if title.is_empty() { String::new() } else { format!(" aria-label=\"{title}\"") };
        let caption = match title.is_empty() {
            true => String::new(),
            false => format!("<caption><span>{title}</span></caption>\n"),
        };
        let groups = self.groups();
        let class = if groups.is_empty() { "" } else { " class=\"dense\"" };
        let labels: String = self
            .columns
            .iter()
            .enumerate()
            .map(|(idx, column)| {
                let label = escape_html(&column.label);
                format!("<th scope=\"col\"{}>{label}</th>\n", self.class_of(idx))
            })
            .collect();
        let rows: String = self
            .rows
            .iter()
            .map(|row| {
                let class = if row.is_summary { " class=\"sum\"" } else { "" };
                let cells = self.cells(row).enumerate().map(|(idx, (column, cell))| {
                    let content = content(&Reading::new(column, cell));
                    match idx {
                        0 => format!("<th scope=\"row\">{content}</th>\n"),
                        _ => format!("<td{}>{content}</td>\n", self.class_of(idx)),
                    }
                });
                format!("<tr{class}>\n{}</tr>\n", cells.collect::<String>())
            })
            .collect();
        format!(
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\"{label}>\n<table{class}>\n{caption}\
             <thead>\n{groups}<tr>\n{labels}</tr>\n</thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
        )
    }

    /// The row of headings over columns; empty where no column has one.
    fn groups(&self) -> String {
        if self.columns.iter().all(|column| column.group.is_empty()) {
            return String::new();
        }
        let groups = self.columns.chunk_by(|one, other| one.group == other.group).map(|columns| {
            let span = columns.len();
            match columns {
                [Column { group, .. }, ..] if !group.is_empty() => format!(
                    "<th scope=\"colgroup\" colspan=\"{span}\" class=\"group starts\">{}</th>\n",
                    escape_html(group)
                ),
                _ => format!("<td colspan=\"{span}\"></td>\n"),
            }
        });
        format!("<tr>\n{}</tr>\n", groups.collect::<String>())
    }

    fn class_of(&self, idx: usize) -> &'static str {
        let group = |idx: usize| self.columns.get(idx).map_or("", |column| &column.group);
        let starts = !group(idx).is_empty() && (idx == 0 || group(idx) != group(idx - 1));
        let is_text = self.columns.get(idx).is_some_and(|column| column.kind == Kind::Text);
        match (starts, is_text) {
            (true, true) => " class=\"starts text\"",
            (true, false) => " class=\"starts\"",
            (false, true) => " class=\"text\"",
            (false, false) => "",
        }
    }
}

fn content(reading: &Reading) -> String {
    let text = escape_html(&reading.text);
    let mut content = if reading.is_best { format!("<strong>{text}</strong>") } else { text };
    for (class, part) in [("spread", &reading.spread), ("note", &reading.note)] {
        if !part.is_empty() {
            content += &format!(" <span class=\"{class}\">{}</span>", escape_html(part));
        }
    }
    content
}

/// Text that HTML shows as it is, also inside an attribute.
fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#x27;",
            c => escaped.push(c),
        }
    }
    escaped
}
