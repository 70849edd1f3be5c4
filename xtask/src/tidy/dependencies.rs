//! Which crate may know which.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a crate of the workspace may depend on, tests aside.
struct Rule {
    package: &'static str,
    /// Crates of the workspace that it may name.
    may_know: &'static [&'static str],
    /// Whether Burn may be below it.
    may_use_burn: bool,
}

const fn rule(
    package: &'static str,
    may_know: &'static [&'static str],
    may_use_burn: bool,
) -> Rule {
    Rule { package, may_know, may_use_burn }
}

/// One line for each crate but the command, which may know all.
const RULES: &[Rule] = &[
    rule("dermx-data", &["dermx-table", "dermx-work"], false),
    rule("dermx-eval", &[], false),
    rule("dermx-agreement", &["dermx-data", "dermx-eval"], false),
    rule("dermx-formats", &["dermx-data", "dermx-table"], false),
    rule("dermx-report", &["dermx-eval", "dermx-table"], false),
    rule("dermx-search", &["dermx-data", "dermx-table", "dermx-work"], false),
    rule("dermx-sweep", &["dermx-data", "dermx-work"], false),
    rule("dermx-table", &[], false),
    rule("dermx-work", &[], false),
    rule("dermx-study", &["dermx-data", "dermx-eval"], false),
    rule(
        "dermx-score",
        &[
            "dermx-agreement",
            "dermx-data",
            "dermx-eval",
            "dermx-formats",
            "dermx-study",
            "dermx-table",
            "dermx-work",
        ],
        false,
    ),
    rule(
        "dermx-python",
        &[
            "dermx-agreement",
            "dermx-data",
            "dermx-eval",
            "dermx-report",
            "dermx-score",
            "dermx-study",
            "dermx-table",
            "dermx-work",
        ],
        false,
    ),
    rule(
        "dermx-run",
        &[
            "dermx-agreement",
            "dermx-data",
            "dermx-eval",
            "dermx-formats",
            "dermx-gradcam",
            "dermx-kernels",
            "dermx-model",
            "dermx-report",
            "dermx-score",
            "dermx-study",
            "dermx-search",
            "dermx-sweep",
            "dermx-table",
            "dermx-train",
            "dermx-work",
        ],
        true,
    ),
    rule("dermx-kernels", &[], true),
    rule("dermx-model", &["dermx-kernels"], true),
    rule("dermx-train", &["dermx-data", "dermx-kernels", "dermx-model"], true),
    rule("dermx-gradcam", &["dermx-kernels", "dermx-model"], true),
    rule(
        "dermx",
        &[
            "dermx-data",
            "dermx-eval",
            "dermx-gradcam",
            "dermx-model",
            "dermx-run",
            "dermx-score",
            "dermx-work",
        ],
        true,
    ),
    rule(
        "dermx-fuzz",
        &[
            "dermx-data",
            "dermx-eval",
            "dermx-formats",
            "dermx-model",
            "dermx-run",
            "dermx-score",
            "dermx-search",
            "dermx-study",
            "dermx-sweep",
            "dermx-work",
        ],
        true,
    ),
    rule("xtask", &[], false),
];

const COMMAND: &str = "dermx-cli";

/// A crate that few may name, be it for tests only.
struct Reserved {
    package: &'static str,
    users: &'static [&'static str],
}

const fn reserved(package: &'static str, users: &'static [&'static str]) -> Reserved {
    Reserved { package, users }
}

/// Crates for arguments, text on a terminal and configuration files.
const RESERVED: [Reserved; 8] = [
    reserved("clap", &[COMMAND]),
    reserved("clap_complete", &[COMMAND]),
    reserved("clap_mangen", &[COMMAND]),
    reserved("ratatui", &[COMMAND]),
    reserved("indicatif", &[COMMAND]),
    reserved("tracing-subscriber", &[COMMAND]),
    reserved("toml", &["dermx-formats", "dermx-run", COMMAND]),
    reserved(COMMAND, &[COMMAND]),
];

/// What is wrong with the dependencies in `cargo metadata`'s `metadata`.
pub fn check(metadata: &Value) -> Vec<String> {
    let members = members(metadata);
    let needed = needed(metadata);
    let mut problems = Vec::new();
    for package in &members {
        let rule = RULES.iter().find(|rule| rule.package == package);
        match rule {
            Some(rule) => problems.extend(broken(rule, &members, &needed)),
            None if package == COMMAND => {}
            None => problems.push(format!("dependencies: {package} has no rule in {}", file!())),
        }
    }
    let gone = RULES.iter().filter(|rule| !members.contains(rule.package));
    problems.extend(gone.map(|rule| format!("dependencies: there is no package {}", rule.package)));
    problems.extend(users_of_reserved(metadata));
    problems
}

/// How a package breaks its rule.
fn broken(rule: &Rule, members: &BTreeSet<String>, needed: &Graph) -> Vec<String> {
    let Rule { package, may_know, may_use_burn } = rule;
    let direct = needed.get(*package).into_iter().flatten();
    let unknown = direct
        .filter(|name| members.contains(*name) && !may_know.contains(&name.as_str()))
        .map(|name| format!("dependencies: {package} must not depend on {name}"));
    let mut problems: Vec<String> = unknown.collect();
    let is_burn = |name: &String| name.starts_with("burn");
    if let Some(burn) = closure(needed, package).iter().find(|name| !may_use_burn && is_burn(name))
    {
        problems.push(format!("dependencies: {package} must not depend on {burn}"));
    }
    problems
}

/// Crates of ours that name what is reserved for others, be it for tests only.
fn users_of_reserved(metadata: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for package in list(&metadata["packages"]) {
        let user = text(&package["name"]);
        if !user.starts_with("dermx") {
            continue;
        }
        for dependency in list(&package["dependencies"]) {
            let name = text(&dependency["name"]);
            let is_free = |one: &Reserved| one.package != name || one.users.contains(&&*user);
            if !RESERVED.iter().all(is_free) {
                problems.push(format!("dependencies: {user} must not depend on {name}"));
            }
        }
    }
    problems
}

/// The members of the workspace with what they need to run.
pub fn of_members(metadata: &Value) -> Graph {
    let members = members(metadata);
    needed(metadata).into_iter().filter(|(package, _)| members.contains(package)).collect()
}

/// Package names with those that they need to run.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// Everything that `package` needs to run.
fn closure(needed: &Graph, package: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = vec![package];
    while let Some(name) = left.pop() {
        for dependency in needed.get(name).into_iter().flatten() {
            if found.insert(dependency.clone()) {
                left.push(dependency);
            }
        }
    }
    found
}

fn needed(metadata: &Value) -> Graph {
    let names = names(metadata);
    let name = |id: &Value| names.get(&text(id)).cloned().unwrap_or_default();
    let is_normal =
        |dependency: &&Value| list(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null());
    let mut graph = Graph::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let needed =
            list(&node["deps"]).filter(is_normal).map(|dependency| name(&dependency["pkg"]));
        graph.entry(name(&node["id"])).or_default().extend(needed);
    }
    graph
}

fn members(metadata: &Value) -> BTreeSet<String> {
    let names = names(metadata);
    list(&metadata["workspace_members"]).filter_map(|id| names.get(&text(id)).cloned()).collect()
}

/// Names of the packages by their ids.
fn names(metadata: &Value) -> BTreeMap<String, String> {
    list(&metadata["packages"])
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::{COMMAND, RULES, check};
    use serde_json::{Value, json};

    /// Metadata of the workspace in which `from` needs `to` by way of `kind`.
    fn metadata(from: &str, to: &str, kind: Value) -> Value {
        let mut members: Vec<&str> = RULES.iter().map(|rule| rule.package).collect();
        members.push(COMMAND);
        let names = [&members[..], &["between", "burn-tensor"]].concat();
        let id = |name: &str| format!("{name} 1");
        let needed =
            |name: &str, kind: &Value| json!({"pkg": id(name), "dep_kinds": [{"kind": kind}]});
        let dependencies = |name: &str| match name {
            name if name == from => vec![needed("between", &kind), needed(to, &kind)],
            "between" => vec![needed("burn-tensor", &Value::Null)],
            _ => Vec::new(),
        };
        let nodes = names.iter().map(|name| json!({"id": id(name), "deps": dependencies(name)}));
        let packages = names.iter().map(|name| json!({"id": id(name), "name": name}));
        json!({
            "packages": packages.collect::<Vec<_>>(),
            "resolve": {"nodes": nodes.collect::<Vec<_>>()},
            "workspace_members": members.iter().map(|name| id(name)).collect::<Vec<_>>(),
        })
    }

    #[test]
    fn a_forbidden_crate_is_found_and_burn_also_through_another_crate() {
        let problems = check(&metadata("dermx-eval", "dermx-data", Value::Null));
        assert_eq!(
            problems,
            [
                "dependencies: dermx-eval must not depend on dermx-data",
                "dependencies: dermx-eval must not depend on burn-tensor",
            ]
        );
        let problems = check(&metadata("dermx-train", "dermx-eval", Value::Null));
        assert_eq!(problems, ["dependencies: dermx-train must not depend on dermx-eval"]);
    }

    #[test]
    fn what_is_allowed_and_what_only_tests_need_passes() {
        assert!(check(&metadata("dermx-train", "dermx-model", Value::Null)).is_empty());
        assert!(check(&metadata("dermx-eval", "dermx-data", json!("dev"))).is_empty());
        assert!(check(&metadata(COMMAND, "dermx-train", Value::Null)).is_empty());
    }

    #[test]
    fn a_new_crate_needs_a_rule_and_a_rule_a_crate() {
        let mut metadata = metadata(COMMAND, "dermx-train", Value::Null);
        metadata["packages"][0]["name"] = json!("dermx-new");
        let problems = check(&metadata).join("\n");
        assert!(problems.contains("dermx-new has no rule"), "{problems}");
        assert!(problems.contains("there is no package dermx-data"), "{problems}");
    }

    #[test]
    fn not_even_tests_may_name_what_is_for_the_command() {
        for name in [COMMAND, "clap", "toml"] {
            let mut metadata = metadata(COMMAND, "dermx-train", Value::Null);
            metadata["packages"][0]["dependencies"] = json!([{"name": name, "kind": "dev"}]);
            let problems = check(&metadata);
            assert_eq!(problems, [format!("dependencies: dermx-data must not depend on {name}")]);
        }
    }
}
