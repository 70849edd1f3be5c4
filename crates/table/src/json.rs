//! Tables as JSON.

use crate::table::{Cell, Column, Kind, Score, Table};
use serde_json::{Map, Value, json};

impl Table {
    /// `{"name", "title", "columns": [{"name", "label"}], "rows": [{COLUMN: value}]}`, numbers in full
    /// precision.
    ///
    /// A score is a number, or `{"mean", "std", "interval"}` with what its [`Kind`] has; what is
    /// undefined is `null`.
    pub fn json(&self) -> Value {
        let columns: Vec<Value> = self
            .columns
            .iter()
            .map(|column| json!({"name": column.name, "label": column.full_label()}))
            .collect();
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let cells = self.cells(row);
                let values = cells.map(|(column, cell)| (column.name.clone(), value(column, cell)));
                Value::Object(values.collect())
            })
            .collect();
        json!({"name": self.name, "title": self.title, "columns": columns, "rows": rows})
    }
}

fn value(column: &Column, cell: &Cell) -> Value {
    match cell {
        Cell::Text(text) => json!(text),
        Cell::Count(count) => json!(count),
        // What is not finite is `null` in JSON.
        Cell::P(p) => json!(p),
        Cell::Undefined(_) => Value::Null,
        Cell::Score(score) if !score.mean.is_finite() => Value::Null,
        Cell::Score(Score { mean, std, interval, .. }) => match column.kind {
            Kind::Score { has_std, has_interval } if has_std || has_interval => {
                let mut parts = Map::from_iter([("mean".to_string(), json!(mean))]);
                if has_std {
                    parts.insert("std".to_string(), json!(std));
                }
                if has_interval {
                    parts.insert("interval".to_string(), json!(interval));
                }
                Value::Object(parts)
            }
            _ => json!(mean),
        },
    }
}
