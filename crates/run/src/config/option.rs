//! Options of the command that mean what a key means: they have its limits.

use super::bench;
use super::config::Config;
use super::schema::{Kind, Node, find};
use super::search;
use dermx_data::ImageSize;
use serde::de::DeserializeOwned;
use toml::Value;

/// Reads `text` as a value of the key `path` (`section.key`; of a choice `section.choice.option.key`): its type,
/// and its range.
///
/// # Errors
/// What is wrong with the value, or a path that is no key.
pub fn read_option<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, String> {
    let nodes = [Config::nodes(), search::root(), bench::root()].concat();
    let mut names = path.split('.');
    let mut node = names.next().and_then(|name| find(&nodes, name));
    while let Some(name) = names.next() {
        node = match node {
            Some(Node::Section(section)) => find(&section.nodes, name),
            Some(Node::Choice(choice)) => {
                let keys = choice.option(name).map(|option| &option.keys);
                keys.zip(names.next()).and_then(|(keys, name)| find(keys, name))
            }
            _ => None,
        };
    }
    let Some(Node::Key(key)) = node else { return Err(format!("`{path}` is no key")) };
    let value = value_of(&key.kind, text)?;
    key.range.check(&value).map_err(|message| format!("it {message}"))?;
    value.try_into().map_err(|error: toml::de::Error| error.message().to_string())
}

fn value_of(kind: &Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Whole => match text.parse::<u64>().map(i64::try_from) {
            Ok(Ok(number)) => Ok(Value::Integer(number)),
            Ok(Err(_)) => Err(format!("it has to be at most {}", i64::MAX)),
            Err(_) => Err("it has to be a whole number, not negative".to_string()),
        },
        Kind::Number | Kind::Number32 => match text.parse::<f64>() {
            Ok(number) => Ok(Value::Float(number)),
            Err(_) => Err("it has to be a number".to_string()),
        },
        Kind::Size => {
            let ImageSize { height, width } = text.parse()?;
            Ok(Value::Array(vec![i64::from(height).into(), i64::from(width).into()]))
        }
        _ => Ok(Value::String(text.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::read_option;
    use dermx_data::ImageSize;

    #[test]
    fn an_option_has_the_limits_of_its_key() {
        assert_eq!(read_option("explain.batch_size", "8"), Ok(8_usize));
        assert_eq!(read_option("input.size", "32x400"), Ok(ImageSize::new(32, 400)));
        assert_eq!(read_option("search.max_trials", "1"), Ok(1_usize));
        let steps = "explain.method.integrated_gradients.num_steps";
        assert_eq!(read_option(steps, "3"), Ok(3_usize));
        for (path, text, part) in [
            ("explain.batch_size", "0", "it has to be at least 1"),
            ("explain.batch_size", "-1", "whole number"),
            ("explain.batch_size", "99999999999999999999999", "whole number"),
            ("explain.batch_size", "18446744073709551615", "at most"),
            ("input.size", "31x400", "between 32 and 8192 pixels"),
            ("evaluate.size", "100000x100000", "1 to 8192 pixels"),
            (steps, "1000000", "it has to be at most 100000"),
            ("no.key", "1", "no key"),
        ] {
            let error = read_option::<usize>(path, text).unwrap_err();
            assert!(error.contains(part), "{path}={text}: {error}");
        }
    }
}
