//! Whether the picture of the house in ARCHITECTURE.md is true.

use super::dependencies::Graph;
use std::collections::BTreeMap;

/// What is wrong with the floors that `document` draws, given what each crate of the workspace needs.
pub fn check(document: &str, needed: &Graph) -> Vec<String> {
    let floors = floors(document);
    let mut problems = Vec::new();
    for (package, others) in needed.iter().filter(|(package, _)| package.starts_with("dermx")) {
        let Some(floor) = floors.get(room(package)) else {
            problems.push(format!("ARCHITECTURE.md: the picture has no `{}`", room(package)));
            continue;
        };
        for other in others.iter().filter(|other| other.starts_with("dermx")) {
            if floors.get(room(other)).is_some_and(|below| below >= floor) {
                problems.push(format!(
                    "ARCHITECTURE.md: `{}` uses `{}`, which is not below it in the picture",
                    room(package),
                    room(other)
                ));
            }
        }
    }
    let is_there = |name: &&&str| !needed.keys().any(|package| room(package) == **name);
    let gone = floors.keys().filter(is_there);
    problems.extend(gone.map(|name| format!("ARCHITECTURE.md: there is no crate `{name}`")));
    problems
}

/// The name of a crate's folder.
fn room(package: &str) -> &str {
    package.strip_prefix("dermx-").unwrap_or(package)
}

/// Floor of each crate in the first block of code: lines of a number and names.
fn floors(document: &str) -> BTreeMap<&str, u32> {
    let block = document.split("```").nth(1).unwrap_or_default();
    let mut floors = BTreeMap::new();
    for line in block.lines() {
        let mut words = line.split_whitespace();
        if let Some(floor) = words.next().and_then(|word| word.parse().ok()) {
            floors.extend(words.map(|name| (name, floor)));
        }
    }
    floors
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::dependencies::Graph;
    use std::collections::BTreeSet;

    fn graph(edges: &[(&str, &[&str])]) -> Graph {
        let names = |names: &[&str]| -> BTreeSet<String> {
            names.iter().map(ToString::to_string).collect()
        };
        edges.iter().map(|(from, to)| (from.to_string(), names(to))).collect()
    }

    #[test]
    fn arrows_go_down_and_every_crate_is_drawn() {
        let picture = "# A\n```\n 1   run    dermx\n 0   data\n     `-- words\n```\n";
        let edges: [(&str, &[&str]); 4] = [
            ("dermx-run", &["dermx-data", "serde"]),
            ("dermx", &["dermx-data"]),
            ("dermx-data", &[]),
            ("serde", &[]),
        ];
        assert!(check(picture, &graph(&edges)).is_empty());
        let beside = [edges[0], ("dermx", &["dermx-run"][..]), edges[2]];
        let expected = "ARCHITECTURE.md: `dermx` uses `run`, which is not below it in the picture";
        assert_eq!(check(picture, &graph(&beside)), [expected]);
        let more = [edges[0], edges[1], edges[2], ("dermx-new", &[][..])];
        assert_eq!(check(picture, &graph(&more)), ["ARCHITECTURE.md: the picture has no `new`"]);
        assert_eq!(
            check(picture, &graph(&edges[1..3])),
            ["ARCHITECTURE.md: there is no crate `run`"]
        );
    }
}
