//! The JSON schema of configurations, for editors and other programs.

use super::bench::{self, BENCH};
use super::config::Config;
use super::files::BASE;
use super::resolve::NONE;
use super::schema::{Choice, Default, Interval, Key, Kind, MAX_SIDE_PX, Node, Range, Section};
use super::search::{self, SEARCH};
use serde_json::{Map, Value, json};

/// The schema (JSON Schema, draft 2020-12) of a file that configures a run, a search or a comparison of
/// backends.
pub fn json_schema() -> Value {
    let file = |nodes: &[Node], needed: &[&str]| {
        let mut properties = properties(nodes);
        let text = "The configuration that this one changes.";
        properties.insert(BASE.into(), json!({"type": "string", "description": text}));
        let whole = json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
            "required": needed,
        });
        // A file with a base leaves to it what has no default.
        json!({"allOf": [whole, {"anyOf": [{"required": [BASE]}, required(nodes)]}]})
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of dermx",
        "description": "A run, a search, or a comparison of backends.",
        "type": "object",
        "anyOf": [
            file(&Config::nodes(), &[]),
            file(&search::root(), &[SEARCH]),
            file(&bench::root(), &[BENCH]),
        ],
    })
}

/// What has no default has to be there.
fn required(nodes: &[Node]) -> Value {
    let mut names = Vec::new();
    let mut inner = Map::new();
    for node in nodes {
        let found = match node {
            Node::Key(Key { default: Default::Required, .. }) => json!(true),
            Node::Section(section) if !section.is_optional => required(&section.nodes),
            _ => continue,
        };
        let is_section_without = found.get("required").is_some_and(|names| *names == json!([]));
        if !is_section_without {
            names.push(node.name());
            inner.insert(node.name().into(), found);
        }
    }
    json!({"properties": inner, "required": names})
}

fn properties(nodes: &[Node]) -> Map<String, Value> {
    let schema = |node: &Node| match node {
        Node::Key(key) => of_key(key),
        Node::Section(section) => of_section(section),
        Node::Choice(choice) => of_choice(choice),
    };
    nodes.iter().map(|node| (node.name().to_string(), schema(node))).collect()
}

fn of_section(section: &Section) -> Value {
    let table = json!({
        "type": "object",
        "properties": properties(&section.nodes),
        "additionalProperties": false,
    });
    let table = match section.is_optional {
        true => json!({"anyOf": [table, {"const": NONE}]}),
        false => table,
    };
    with(table, "description", json!(section.meaning))
}

fn of_choice(choice: &Choice) -> Value {
    let mut options = vec![json!({"enum": choice.names()})];
    for option in &choice.options {
        let mut properties = properties(&option.keys);
        // A file may leave the name to its base.
        properties.insert(choice.tag.into(), json!({"const": option.name}));
        options.push(json!({
            "type": "object",
            "description": option.meaning,
            "properties": properties,
            "additionalProperties": false,
        }));
    }
    json!({"anyOf": options, "description": choice.meaning, "default": choice.default})
}

fn of_key(key: &Key) -> Value {
    let mut schema = match &key.kind {
        Kind::Numbers => numbers(key.range),
        kind => in_range(of_kind(kind), key.range),
    };
    if let Default::Word(word) = key.default {
        schema = json!({"anyOf": [schema, {"const": word}], "default": word});
    }
    if let Default::Value(value) = &key.default {
        schema = with(schema, "default", json!(value));
    }
    let meaning = match key.default {
        Default::Derived(words, _) => format!("{} Default: {words}.", key.meaning),
        _ => key.meaning.clone(),
    };
    with(schema, "description", json!(meaning))
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Whole => json!({"type": "integer", "minimum": 0}),
        Kind::Number | Kind::Number32 => json!({"type": "number"}),
        Kind::Text | Kind::Path => json!({"type": "string"}),
        Kind::Words(words) => json!({"enum": words}),
        Kind::WordsOr(words, kind) => json!({"anyOf": [{"enum": words}, of_kind(kind)]}),
        Kind::Size => list_of(json!({"type": "integer", "minimum": 1, "maximum": MAX_SIDE_PX}), 2),
        Kind::List(kind) => json!({"type": "array", "items": of_kind(kind)}),
        Kind::Pair(kind) => list_of(of_kind(kind), 2),
        Kind::Names => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Kind::Numbers => numbers(Range::Any),
        Kind::Table => json!({"type": "object"}),
    }
}

/// A table of numbers in `range`.
fn numbers(range: Range) -> Value {
    let number = in_range(json!({"type": "number"}), range);
    json!({"type": "object", "additionalProperties": number})
}

fn list_of(items: Value, num: usize) -> Value {
    json!({"type": "array", "items": items, "minItems": num, "maxItems": num})
}

fn in_range(schema: Value, range: Range) -> Value {
    match range {
        Range::Any => schema,
        Range::Interval(Interval { low, has_low, high, has_high }) => {
            let schema =
                with(schema, if has_low { "minimum" } else { "exclusiveMinimum" }, json!(low));
            let name = if has_high { "maximum" } else { "exclusiveMaximum" };
            match high {
                Some(high) => with(schema, name, json!(high)),
                None => schema,
            }
        }
        Range::Count(low, high) => {
            with(with(schema, "minimum", json!(low)), "maximum", json!(high))
        }
        Range::Positive32 => {
            let schema = with(schema, "minimum", json!(f64::from(f32::MIN_POSITIVE)));
            with(schema, "maximum", json!(f64::from(f32::MAX)))
        }
        Range::Sides(min_px) => {
            list_of(json!({"type": "integer", "minimum": min_px, "maximum": MAX_SIDE_PX}), 2)
        }
        Range::Distinct(min) => {
            with(with(schema, "uniqueItems", json!(true)), "minItems", json!(min))
        }
        Range::LowHigh => list_of(json!({"type": "number", "minimum": 0}), 2),
        Range::OneOf(texts) => json!({"enum": texts}),
    }
}

fn with(mut schema: Value, name: &str, value: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(name.to_string(), value);
    }
    schema
}
