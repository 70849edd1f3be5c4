//! The fault table of CONTRIBUTING.md: what can go wrong, and which test says what comes of it.

use anyhow::{Context, Result, ensure};

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number, and a letter where several rows are one of the numbers.
    pub name: String,
    /// What goes wrong.
    pub fault: String,
    /// Those that cover it.
    pub tests: Vec<TestName>,
}

/// A test function, as `path/of/file.rs::name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestName {
    /// The file, relative to the root.
    pub file: String,
    /// The function.
    pub function: String,
}

impl TestName {
    /// Whether it is in a crate's folder `tests`.
    pub fn is_outside(&self) -> bool {
        self.file.split('/').nth(2) == Some("tests")
    }
}

/// The rows of the section "Fault table" of `contributing`.
///
/// # Errors
/// No such section, or a row whose tests are not code of the form `file.rs::name`.
pub fn rows(contributing: &str) -> Result<Vec<Row>> {
    let section =
        contributing.split("\n## Fault table").nth(1).context("no section `Fault table`")?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let is_row = |line: &&str| {
        line.strip_prefix("| ")
            .is_some_and(|rest| rest.starts_with(|one: char| one.is_ascii_digit()))
    };
    let rows: Vec<Row> = section.lines().filter(is_row).map(row).collect::<Result<_>>()?;
    ensure!(!rows.is_empty(), "the fault table has no rows");
    Ok(rows)
}

fn row(line: &str) -> Result<Row> {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [name, fault, _, tests, ..] = cells[..] else {
        anyhow::bail!("the fault table has a row of {} cells: {line}", cells.len());
    };
    let names = tests.split('`').skip(1).step_by(2);
    let tests = names
        .map(|text| {
            let (file, function) =
                text.rsplit_once("::").with_context(|| format!("`{text}` is not FILE::NAME"))?;
            Ok(TestName { file: file.to_string(), function: function.to_string() })
        })
        .collect::<Result<_>>()
        .with_context(|| format!("row {name} of the fault table"))?;
    Ok(Row { name: name.to_string(), fault: fault.to_string(), tests })
}

/// Tests of the table that there are not, given what is in each file.
pub fn problems(contributing: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let rows = match rows(contributing) {
        Ok(rows) => rows,
        Err(error) => return vec![format!("CONTRIBUTING.md: {error:#}")],
    };
    let mut problems = Vec::new();
    for Row { name, tests, .. } in &rows {
        if tests.is_empty() {
            problems.push(format!("CONTRIBUTING.md: row {name} of the fault table has no test"));
        }
        for TestName { file, function } in tests {
            let is_there = read(file).is_some_and(|text| text.contains(&format!("fn {function}(")));
            if !is_there {
                problems.push(format!(
                    "CONTRIBUTING.md: row {name} of the fault table: there is no {file}::{function}"
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{TestName, problems, rows};

    const TABLE: &str = "# A\n## Fault table\n\nText.\n\n| # | Fault | Expected | Tests | Check | Full |\n\
                         |---|---|---|---|---|---|\n\
                         | 1 | kill | same | `crates/cli/tests/cli/a.rs::b`, `crates/d/tests/e.rs::f` | 5 | 50 |\n\
                         | 2a | flip | told | `crates/d/src/tests/g.rs::h` | 1 | 1 |\n\n## Next\n| 3 | no | row | x |\n";

    #[test]
    fn rows_have_names_faults_and_tests() {
        let rows = rows(TABLE).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].name.as_str(), rows[1].name.as_str()), ("1", "2a"));
        assert_eq!(rows[0].fault, "kill");
        let outside = rows.iter().flat_map(|row| row.tests.iter().map(TestName::is_outside));
        assert_eq!(outside.collect::<Vec<_>>(), [true, true, false]);
    }

    #[test]
    fn tests_that_there_are_not_are_found() {
        let read = |file: &str| match file {
            "crates/cli/tests/cli/a.rs" => Some("fn b() {}".to_string()),
            "crates/d/tests/e.rs" => Some("fn ff() {}".to_string()),
            _ => None,
        };
        let found = problems(TABLE, read);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("row 1") && found[0].ends_with("crates/d/tests/e.rs::f"));
        assert!(found[1].contains("row 2a") && found[1].ends_with("crates/d/src/tests/g.rs::h"));
    }

    #[test]
    fn a_table_without_rows_or_with_other_words_for_tests_is_found() {
        assert!(rows("# A").is_err());
        assert!(rows("\n## Fault table\n").is_err());
        assert!(rows("\n## Fault table\n| 1 | a | b | `c` |\n").is_err());
        assert_eq!(problems("# A", |_| None).len(), 1);
        assert_eq!(problems("\n## Fault table\n| 1 | a | b | none |\n", |_| None).len(), 1);
    }
}
