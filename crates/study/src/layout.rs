//! The numbers that the paper gave its tables.

use serde_json::Value;

/// A table as it is called for any data set, its name in the study, and what its title begins with there.
const TABLES: [(&str, &str, &str); 5] = [
    ("images", "table_1", "Table 1"),
    ("gold", "table_2a", "Table 2a: "),
    ("diagnosis", "table_2b", "Table 2b: "),
    ("presence", "table_3a", "Table 3a and appendix Table 1: "),
    ("outlines", "table_3b", "Table 3b: "),
];

/// The study's name of a table, and what its title begins with.
pub fn study_table(name: &str) -> Option<(&'static str, &'static str)> {
    let found = TABLES.iter().find(|(known, _, _)| *known == name);
    found.map(|(_, table, title)| (*table, *title))
}

/// Tables of agreement (as JSON) under the study's names, at any depth; those of each rater against the others
/// have none.
pub fn in_study_layout(tables: Value) -> Value {
    let Value::Object(entries) = tables else { return tables };
    let renamed = entries.into_iter().map(|(name, value)| {
        let name_of_study = study_table(&name).map(|(name, _)| name.to_string());
        match name.as_str() {
            // The names of the study's tables are those of their choices, too.
            "choices" => (name, in_study_layout(value)),
            "by" => (name, each(value, |values| each(values, in_study_layout))),
            _ => (name_of_study.unwrap_or(name), value),
        }
    });
    Value::Object(renamed.collect())
}

fn each(value: Value, change: impl Fn(Value) -> Value) -> Value {
    match value {
        Value::Object(entries) => {
            let changed = entries.into_iter().map(|(name, value)| (name, change(value)));
            Value::Object(changed.collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::in_study_layout;
    use serde_json::json;

    #[test]
    fn tables_have_the_numbers_of_the_paper_in_all_parts() {
        let ours = json!({
            "gold": 1,
            "leave_one_rater_out": {"diagnosis": 2},
            "choices": {"outlines": 3, "images": 4},
            "by": {"age": {"young": {"presence": 5}}},
        });
        let expected = json!({
            "table_2a": 1,
            "leave_one_rater_out": {"diagnosis": 2},
            "choices": {"table_3b": 3, "table_1": 4},
            "by": {"age": {"young": {"table_3a": 5}}},
        });
        assert_eq!(in_study_layout(ours), expected);
    }
}
