//! Which crate may know which.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Package, and what it must not depend on, directly or not. `burn*` stands for all of Burn,
/// `dermx-*` for all crates of the workspace.
const FORBIDDEN: [(&str, &[&str]); 10] = [
    ("dermx-eval", &["burn*", "dermx-*"]),
    (
        "dermx-agreement",
        &["burn*", "dermx-cli", "dermx-model", "dermx-train", "dermx-gradcam", "dermx-report"],
    ),
    ("dermx-report", &["burn*", "dermx-cli", "dermx-data", "dermx-model", "dermx-train"]),
    (
        "dermx-search",
        &[
            "burn*",
            "dermx-cli",
            "dermx-model",
            "dermx-train",
            "dermx-gradcam",
            "dermx-eval",
            "dermx-agreement",
            "dermx-report",
        ],
    ),
    ("xtask", &["burn*", "dermx-*"]),
    ("dermx-data", &["burn*", "dermx-*"]),
    ("dermx-kernels", &["dermx-*"]),
    (
        "dermx-model",
        &[
            "dermx-agreement",
            "dermx-cli",
            "dermx-data",
            "dermx-eval",
            "dermx-gradcam",
            "dermx-report",
            "dermx-search",
            "dermx-train",
        ],
    ),
    ("dermx-gradcam", &["dermx-data", "dermx-train", "dermx-eval", "dermx-cli"]),
    ("dermx-train", &["dermx-eval", "dermx-gradcam", "dermx-report", "dermx-cli"]),
];

const COMMAND: &str = "dermx-cli";

type Graph = BTreeMap<String, BTreeSet<String>>;

/// What is wrong with the dependencies in `cargo metadata`'s `metadata`.
pub fn check(metadata: &Value) -> Vec<String> {
    let graph = graph(metadata);
    let mut problems = dependents_of_command(metadata);
    for (package, forbidden) in FORBIDDEN {
        if !graph.contains_key(package) {
            problems.push(format!("dependencies: there is no package {package}"));
        }
        for dependency in closure(&graph, package) {
            if forbidden.iter().any(|pattern| matches(pattern, &dependency)) {
                problems.push(format!("dependencies: {package} must not depend on {dependency}"));
            }
        }
    }
    problems
}

/// Who depends on `dermx-cli`, be it for tests only: it is the binary, not a library.
fn dependents_of_command(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let depends = |package: &&Value| {
        let mut dependencies = package["dependencies"].as_array().into_iter().flatten();
        dependencies.any(|dependency| dependency["name"] == COMMAND)
    };
    let names = packages.filter(depends).filter_map(|package| package["name"].as_str());
    names.map(|name| format!("dependencies: {name} must not depend on {COMMAND}")).collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

/// Everything that `package` depends on, without tests and build scripts.
fn closure(graph: &Graph, package: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = vec![package];
    while let Some(name) = left.pop() {
        for dependency in graph.get(name).into_iter().flatten() {
            if found.insert(dependency.clone()) {
                left.push(dependency);
            }
        }
    }
    found
}

/// Package names with those that they need to run.
fn graph(metadata: &Value) -> Graph {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let names: BTreeMap<String, String> = list(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let name = |id: &Value| names.get(&text(id)).cloned().unwrap_or_default();
    let is_normal = |dependency: &Value| {
        list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null())
    };
    let mut graph = Graph::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let needed = list(&node["deps"]);
        let needed = needed.iter().filter(|one| is_normal(one)).map(|one| name(&one["pkg"]));
        graph.entry(name(&node["id"])).or_default().extend(needed);
    }
    graph
}

#[cfg(test)]
mod tests {
    use super::{FORBIDDEN, check};
    use serde_json::{Value, json};

    /// Metadata of the workspace in which `from` depends on `to` by way of `kind`.
    fn metadata(from: &str, to: &str, kind: Value) -> Value {
        let mut names: Vec<&str> = FORBIDDEN.iter().map(|(name, _)| *name).collect();
        names.extend(["between", "burn-tensor", "dermx-cli"]);
        let packages: Vec<Value> =
            names.iter().map(|name| json!({"id": format!("{name} 1"), "name": name})).collect();
        let dependency = |name: &str, kind: &Value| json!({"pkg": format!("{name} 1"), "dep_kinds": [{"kind": kind}]});
        let nodes: Vec<Value> = names
            .iter()
            .map(|name| {
                let deps = match *name {
                    name if name == from => vec![dependency("between", &kind)],
                    "between" => vec![dependency(to, &Value::Null)],
                    _ => Vec::new(),
                };
                json!({"id": format!("{name} 1"), "deps": deps})
            })
            .collect();
        json!({"packages": packages, "resolve": {"nodes": nodes}})
    }

    #[test]
    fn a_forbidden_dependency_is_found_through_another_crate() {
        let problems = check(&metadata("dermx-eval", "burn-tensor", Value::Null));
        assert_eq!(problems, ["dependencies: dermx-eval must not depend on burn-tensor"]);
        let problems = check(&metadata("dermx-model", "dermx-data", Value::Null));
        assert_eq!(problems, ["dependencies: dermx-model must not depend on dermx-data"]);
        let problems = check(&metadata("dermx-gradcam", "dermx-cli", Value::Null));
        assert_eq!(problems, ["dependencies: dermx-gradcam must not depend on dermx-cli"]);
    }

    #[test]
    fn not_even_tests_may_depend_on_the_command() {
        let mut metadata = metadata("dermx-train", "burn-tensor", Value::Null);
        let command = json!({"name": "dermx-cli", "kind": "dev"});
        metadata["packages"][0]["dependencies"] = json!([command]);
        assert_eq!(check(&metadata), ["dependencies: dermx-eval must not depend on dermx-cli"]);
    }

    #[test]
    fn a_missing_package_is_found() {
        assert_eq!(check(&Value::Null).len(), FORBIDDEN.len());
    }

    #[test]
    fn tests_may_depend_on_anything() {
        assert!(check(&metadata("dermx-eval", "burn-tensor", json!("dev"))).is_empty());
        assert!(check(&metadata("dermx-train", "burn-tensor", Value::Null)).is_empty());
    }
}
