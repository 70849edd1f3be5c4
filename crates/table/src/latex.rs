//! Tables in LaTeX, in the style of the package booktabs.

use crate::reading::Reading;
use crate::table::{Cell, Kind, Table};

impl Table {
    /// A `tabular` for `\input`, under its title as a comment; needs `\usepackage{booktabs}`.
    ///
    /// A rule stands before rows that sum up. There is no `table` around it, since its place, its width
    /// and its caption are the paper's.
    pub fn latex(&self) -> String {
        let spec: String = self
            .columns
            .iter()
            .map(|column| if column.kind == Kind::Text { 'l' } else { 'r' })
            .collect();
        let header = self.columns.iter().map(|column| escape_latex(&column.full_label()));
        let mut rows = String::new();
        let mut was_summary = self.rows.first().is_none_or(|row| row.is_summary);
        for row in &self.rows {
            if row.is_summary && !was_summary {
                rows += "\\midrule\n";
            }
            was_summary = row.is_summary;
            rows += &line(self.cells(row).map(|(column, cell)| {
                let Reading { text, spread, note, is_best } = Reading::new(column, cell);
                // A hyphen is a minus only in mathematics.
                let minus = if matches!(cell, Cell::Score(_)) { "$-$" } else { "-" };
                let [text, spread, note] =
                    [text, spread, note].map(|part| escape_latex(&part).replace('-', minus));
                let text = if is_best { format!("\\textbf{{{text}}}") } else { text };
                Reading { text, spread, note, is_best }.line()
            }));
        }
        let title = match self.title.is_empty() {
            true => String::new(),
            false => format!("% {}\n", self.title.replace(char::is_control, " ")),
        };
        format!(
            "{title}% Needs \\usepackage{{booktabs}}.\n\\begin{{tabular}}{{{spec}}}\n\\toprule\n{}\
             \\midrule\n{rows}\\bottomrule\n\\end{{tabular}}\n",
            line(header)
        )
    }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    // After `\\` a bracket or a star would be an option of the line break before.
    let guarded = cells.map(|cell| match cell.starts_with(['[', '*']) {
        true => format!("{{}}{cell}"),
        false => cell,
    });
    format!("{} \\\\\n", guarded.collect::<Vec<_>>().join(" & "))
}

/// Text that LaTeX shows as it is, on one line, whatever the encoding of its fonts.
pub fn escape_latex(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '_' | '&' | '%' | '$' | '#' | '{' | '}' => escaped.extend(['\\', c]),
            '~' => escaped += "\\textasciitilde{}",
            '^' => escaped += "\\textasciicircum{}",
            '\\' => escaped += "\\textbackslash{}",
            '<' => escaped += "\\textless{}",
            '>' => escaped += "\\textgreater{}",
            '|' => escaped += "\\textbar{}",
            '±' => escaped += "$\\pm$",
            '−' => escaped += "$-$",
            '×' => escaped += "$\\times$",
            '–' => escaped += "--",
            '…' => escaped += "\\ldots{}",
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
