//! The list of keys and the JSON schema say what is read.

use super::{QUICKSTART, SHORT, paths, strings};
use crate::config::files::BUILT_IN;
use crate::config::{Config, bench, json_schema, keys_markdown, keys_text, search};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What of the vocabulary of JSON Schema the schema uses: whether `value` is valid.
fn is_valid(schema: &Value, value: &Value) -> bool {
    let Some(rules) = schema.as_object() else { return schema == &json!(true) };
    rules.iter().all(|(rule, expected)| is_followed(rule, expected, schema, value))
}

fn is_followed(rule: &str, expected: &Value, schema: &Value, value: &Value) -> bool {
    let number = |compare: fn(f64, f64) -> bool| {
        value.as_f64().is_none_or(|value| compare(value, expected.as_f64().unwrap()))
    };
    let length = |compare: fn(u64, u64) -> bool| {
        let items = value.as_array();
        items.is_none_or(|items| compare(items.len() as u64, expected.as_u64().unwrap()))
    };
    let schemas = || expected.as_array().unwrap().iter();
    match rule {
        "$schema" | "title" | "description" | "default" => true,
        "type" => match expected.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "number" => value.is_number(),
            "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            other => panic!("type {other}"),
        },
        "enum" => expected.as_array().unwrap().contains(value),
        "const" => expected == value,
        "anyOf" => schemas().any(|schema| is_valid(schema, value)),
        "allOf" => schemas().all(|schema| is_valid(schema, value)),
        "properties" => value.as_object().is_none_or(|object| {
            object.iter().all(|(name, value)| {
                expected.get(name).is_none_or(|schema| is_valid(schema, value))
            })
        }),
        "additionalProperties" => value.as_object().is_none_or(|object| {
            let known = schema.get("properties");
            let others = object
                .iter()
                .filter(|(name, _)| known.is_none_or(|known| known.get(name).is_none()));
            others.into_iter().all(|(_, value)| is_valid(expected, value))
        }),
        "required" => value
            .as_object()
            .is_none_or(|object| schemas().all(|name| object.contains_key(name.as_str().unwrap()))),
        "items" => {
            value.as_array().is_none_or(|items| items.iter().all(|one| is_valid(expected, one)))
        }
        "uniqueItems" => value.as_array().is_none_or(|items| {
            items.iter().enumerate().all(|(idx, item)| !items[..idx].contains(item))
        }),
        "minItems" => length(|num, min| num >= min),
        "maxItems" => length(|num, max| num <= max),
        "minimum" => number(|value, low| value >= low),
        "maximum" => number(|value, high| value <= high),
        "exclusiveMinimum" => number(|value, low| value > low),
        "exclusiveMaximum" => number(|value, high| value < high),
        other => panic!("unknown rule {other}"),
    }
}

fn is_valid_file(text: &str) -> bool {
    let table: toml::Table = text.parse().unwrap();
    is_valid(&json_schema(), &serde_json::to_value(table).unwrap())
}

#[test]
fn shipped_and_resolved_configurations_follow_the_schema() {
    for &(name, text) in BUILT_IN {
        assert!(is_valid_file(text), "{name}");
    }
    assert!(is_valid_file(SHORT));
    for overrides in [vec![], vec!["train.optimizer=sgd", "explain.method=occlusion"]] {
        let config = Config::load("quickstart.toml", &strings(&overrides)).unwrap();
        assert!(is_valid_file(&config.to_toml("A comment.").unwrap()));
    }
}

#[test]
fn what_is_refused_does_not_follow_the_schema() {
    let with = |line: &str| format!("{line}\n{QUICKSTART}");
    assert!(is_valid_file(&with("split = \"none\"")));
    for line in [
        "split = \"half\"",
        "split = { method = \"fraction\", fraction = 1.0 }",
        "split = { method = \"fraction\", num_folds = 3 }",
        "slurm = { cpus = \"four\" }",
        "slurm = { cpu = 4 }",
        "early_stopping = { patience = 0 }",
        "study = { class_exchange = [\"one\"] }",
        "evaluate = { by = [\"age\", \"age\"] }",
        "evaluate = { size = [0, 4] }",
        "evaluate = { border = \"wrap\" }",
        "search = { base = \"quickstart.toml\" }",
    ] {
        assert!(!is_valid_file(&with(line)), "{line}");
        let refused = Config::parse("test.toml", &with(line), &[]);
        assert!(refused.is_err(), "{line}");
    }
    // Only the user knows where the photos are.
    assert!(!is_valid_file("[run]\nepochs = 3\n"));
    assert!(!is_valid_file(""));
    assert!(is_valid_file("base = \"other.toml\"\n[run]\nepochs = 3\n"));
}

#[test]
fn every_key_is_listed_with_what_is_known_of_it() {
    let text = keys_text();
    let roots = [Config::nodes(), search::root(), bench::root()];
    let choices =
        ["split", "train.objective", "train.optimizer", "train.schedule", "explain.method"];
    let choices = [&choices[..], &["search.sampler", "search.pruner"]].concat();
    for path in roots.iter().flat_map(|nodes| paths("", nodes)) {
        if !choices.contains(&path.as_str()) {
            assert!(text.contains(&format!("\n  {path}: ")), "{path} is not in: {text}");
        }
    }
    for line in [
        "  train.batch_size: whole number in [1, 65536]; default 32",
        "  data.train: path; no default",
        "  train.clip_norm: number > 0, or \"none\"; default \"none\"",
        "  train.optimizer.beta_1: number in [0, 1); default 0.9",
        "  train.learning_rate: number > 0; default: 1e-4, and 1e-2 with sgd",
        "  run.seeds: list of: whole number, at least 1, none twice; default [0]",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in: {text}");
    }
}

/// The lists in the documentation are written from the declarations: this test writes what they have to
/// be where they are not.
#[test]
fn the_documentation_lists_the_keys_as_they_are() {
    const MARK: &str = "<!-- Below: the list of keys, compared with the program by a test. -->\n\n";
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = fs::read_to_string(&page).unwrap();
    let (intro, list) = text.split_once(MARK).unwrap();
    let expected = keys_markdown();
    if list != expected {
        let new = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/configuration.md");
        fs::write(&new, format!("{intro}{MARK}{expected}")).unwrap();
        panic!("docs/configuration.md differs; as it has to be: {}", new.display());
    }
}
