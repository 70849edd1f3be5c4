//! Tables on a terminal.

use crate::reading::Reading;
use crate::table::{Column, Kind, Table};
use crate::visible::visible_line;
use unicode_width::UnicodeWidthStr;

impl Table {
    /// The title, the header and the rows, with columns as wide as their widest cell.
    pub fn terminal(&self) -> String {
        let header =
            self.columns.iter().map(Column::full_label).map(|text| visible_line(&text)).collect();
        let mut lines: Vec<Vec<String>> = vec![header];
        lines.extend(self.rows.iter().map(|row| {
            self.cells(row)
                .map(|(column, cell)| visible_line(&Reading::new(column, cell).line()))
                .collect()
        }));
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|idx| lines.iter().map(|line| line[idx].width()).max().unwrap_or(0))
            .collect();
        let line = |cells: &Vec<String>| {
            let columns = self.columns.iter().zip(&widths);
            let cells = cells.iter().zip(columns).map(|(cell, (column, width))| {
                let space = " ".repeat(width - cell.width());
                match column.kind {
                    Kind::Text => format!("{cell}{space}"),
                    _ => format!("{space}{cell}"),
                }
            });
            format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
        };
        let title =
            if self.title.is_empty() { String::new() } else { visible_line(&self.title) + "\n" };
        format!("{title}{}", lines.iter().map(line).collect::<String>())
    }
}
