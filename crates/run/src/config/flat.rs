//! A configuration as a list of keys and values.

use super::config::Config;
use super::write::complete_table;
use crate::error::{RunError, RunResult};
use std::collections::BTreeMap;

/// Keys that say where something lies or how it is kept, and change no result. What lies there
/// enters results by its hash.
const PLACES: [&str; 13] = [
    "data.cache",
    "data.decoded_cache",
    "data.leaks",
    "data.patients",
    "data.test",
    "data.test_images",
    "data.train",
    "model.weights",
    "model.weights_prefix",
    "run.checkpoint_every",
    "run.output",
    "split.folds",
    "synthetic.root",
];

/// Sections that say what becomes of a trained network.
const LATER: [&str; 4] = ["evaluate", "explain", "report", "study"];

/// Every key of `config` with its value as TOML; what Slurm is asked for is no part of a run.
///
/// # Errors
/// A value that TOML cannot hold.
pub fn flat(config: &Config) -> RunResult<BTreeMap<String, String>> {
    let mut table = complete_table(&Config::nodes(), config)
        .map_err(|error| RunError::internal(error.to_string()))?;
    table.remove("slurm");
    let mut keys = BTreeMap::new();
    add(&mut keys, "", &table);
    Ok(keys)
}

/// What of `config` the results of `seed` depend on.
///
/// # Errors
/// A value that TOML cannot hold.
pub fn flat_results(config: &Config, seed: u64) -> RunResult<BTreeMap<String, String>> {
    let mut keys = flat(config)?;
    keys.retain(|key, _| !PLACES.contains(&key.as_str()) && key != "run.seeds");
    keys.insert("seed".to_string(), seed.to_string());
    Ok(keys)
}

/// What of `config` the trained weights of `seed` depend on.
///
/// # Errors
/// A value that TOML cannot hold.
pub fn flat_training(config: &Config, seed: u64) -> RunResult<BTreeMap<String, String>> {
    let mut keys = flat_results(config, seed)?;
    let is_later = |key: &str| LATER.contains(&key.split('.').next().unwrap_or(key));
    keys.retain(|key, _| !is_later(key));
    Ok(keys)
}

fn add(keys: &mut BTreeMap<String, String>, prefix: &str, table: &toml::Table) {
    for (key, value) in table {
        match value {
            toml::Value::Table(table) => add(keys, &format!("{prefix}{key}."), table),
            value => drop(keys.insert(format!("{prefix}{key}"), value.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{flat, flat_training};
    use crate::config::Config;

    #[test]
    fn keys_are_named_with_their_sections() {
        let config = Config::load("quickstart.toml", &["run.seeds=[4,5]".to_string()]).unwrap();
        let keys = flat(&config).unwrap();
        assert_eq!(keys["run.epochs"], "7");
        assert_eq!(keys["run.seeds"], "[4, 5]");
        assert_eq!(keys["data.class_names.wart"], "\"Viral warts\"");
        assert_eq!(keys["run.checkpoint_every"], "\"none\"");
        assert_eq!(keys["train.optimizer.name"], "\"adam\"");
        assert_eq!(keys["train.optimizer.beta_1"], "0.9");
    }

    #[test]
    fn training_depends_on_neither_places_nor_other_seeds_nor_scoring() {
        let one = Config::load("quickstart.toml", &["run.seeds=[4,5]".to_string()]).unwrap();
        let changes = ["run.seeds=[4]", "data.train=elsewhere", "report.num_gallery_images=1"];
        let other = Config::load("quickstart.toml", &changes.map(str::to_string)).unwrap();
        assert_eq!(flat_training(&one, 4).unwrap(), flat_training(&other, 4).unwrap());
        assert_ne!(flat_training(&one, 4).unwrap(), flat_training(&one, 5).unwrap());
    }
}
