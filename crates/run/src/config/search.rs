//! Configurations of a search: `[search]`, which names the configuration that it varies.

use super::document::Document;
use super::load::{find, load};
use super::sections::Config;
use crate::error::{RunError, RunResult};
use dermx_search::{Choices, Params, Pruner, SamplerName, Space};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Searches that are part of the binary.
const BUILT_IN: [(&str, &str); 2] = [
    ("search-resnet50.toml", include_str!("../../../../configs/search-resnet50.toml")),
    (
        "search-efficientnet-b4.toml",
        include_str!("../../../../configs/search-efficientnet-b4.toml"),
    ),
];

/// The score on the validation photos that a search raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The macro-F1.
    MacroF1,
    /// The accuracy.
    Accuracy,
}

/// Name of a pruner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PrunerName {
    /// Ends trials below the median.
    Median,
    /// Ends none.
    None,
}

/// `[search]`: what is varied, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchConfig {
    /// The configuration that is varied.
    pub base: String,
    /// How parameters are chosen.
    pub sampler: SamplerName,
    /// What is raised.
    pub objective: Objective,
    /// Seed of the sampler; every trial trains with the first of `run.seeds`.
    pub seed: u64,
    /// Number of trials; without it every point of the space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_trials: Option<usize>,
    /// Which trials end early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruner: Option<Pruner>,
    /// What all trials change in the configuration, as `section.key=value`.
    pub changes: Vec<String>,
    /// The values of each key.
    pub space: Space,
}

/// Loads the search `name`, as [`super::load()`] does a configuration.
///
/// # Errors
/// No such search, or the list of all that is wrong with it.
pub fn load_search(name: &str) -> RunResult<SearchConfig> {
    let (origin, text) = find(name, &BUILT_IN)?;
    let mut problems = Vec::new();
    let document = Document::parse(&origin, &text).map_err(bad)?;
    match SearchConfig::read(&document, &mut problems) {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(bad(problems.join("\n"))),
    }
}

fn bad(message: String) -> RunError {
    RunError::bad_config(message)
}

impl SearchConfig {
    fn read(document: &Document, problems: &mut Vec<String>) -> Option<Self> {
        const KNOWN: [&str; 10] = [
            "base",
            "sampler",
            "objective",
            "seed",
            "max_trials",
            "pruner",
            "warm_up_epochs",
            "min_trials",
            "set",
            "space",
        ];
        document.report_unknown_sections(&["search"], problems);
        document.report_unknown("search", &KNOWN, problems);
        let base = document.read("search", "base", problems);
        let sampler = document.read("search", "sampler", problems);
        let objective = document.read("search", "objective", problems);
        let seed = document.read("search", "seed", problems);
        let max_trials = document.read("search", "max_trials", problems);
        let pruner = pruner(document, problems);
        let set = document.read::<BTreeMap<String, toml::Value>>("search", "set", problems);
        let space = space(document, problems);
        Some(Self {
            base: base?,
            sampler: sampler?,
            objective: objective?,
            seed: seed?,
            max_trials: max_trials?,
            pruner: pruner?,
            changes: set?.iter().map(|(key, value)| format!("{key}={value}")).collect(),
            space: space?,
        })
    }

    /// The configuration of a trial.
    ///
    /// # Errors
    /// The list of all that is wrong with it.
    pub fn trial(&self, params: &Params) -> RunResult<Config> {
        let mut config = self.with(params)?;
        config.run.seeds.truncate(1);
        Ok(config)
    }

    /// The base configuration with `params`.
    ///
    /// # Errors
    /// The list of all that is wrong with it.
    pub fn with(&self, params: &Params) -> RunResult<Config> {
        let changes = [self.changes.clone(), assignments(params)?].concat();
        load(&self.base, &changes)
    }

    /// Refuses a search whose trials learn from the results of others: they need one process.
    ///
    /// # Errors
    /// The sampler `tpe`, or a pruner.
    pub fn check_independent(&self) -> RunResult<()> {
        let learns = match (self.sampler, self.pruner) {
            (SamplerName::Tpe, _) => "search.sampler: `tpe` goes by the scores of other trials",
            (_, Some(_)) => {
                "search.pruner: `median` compares a trial with others at the same epoch"
            }
            _ => return Ok(()),
        };
        let message = format!(
            "{learns}, so that they need one process: leave --launcher away (--jobs runs several at once)"
        );
        Err(bad(message))
    }

    /// The base configuration, after each value of each key was tried in it.
    ///
    /// # Errors
    /// The list of all that is wrong with the base or with a value.
    pub fn checked_base(&self) -> RunResult<Config> {
        let base = self.with(&Params::new())?;
        let mut problems = Vec::new();
        for (key, choices) in self.space.parameters() {
            for value in choices.examples() {
                let params = Params::from([(key.to_string(), value.clone())]);
                let problem = self.with(&params).err().map(|error| error.to_string());
                problems.extend(
                    problem.map(|message| format!("search.space, {key} = {value}: {message}")),
                );
            }
        }
        if problems.is_empty() { Ok(base) } else { Err(bad(problems.join("\n"))) }
    }
}

/// `params` as `section.key=value`.
///
/// # Errors
/// None that a user can cause: a value that TOML does not know is found when the search is read.
pub fn assignments(params: &Params) -> RunResult<Vec<String>> {
    let assignment = |(key, value)| {
        let value = toml::Value::try_from(value)
            .map_err(|error| bad(format!("search.space: `{key}`: {error}")))?;
        Ok(format!("{key}={value}"))
    };
    params.iter().map(assignment).collect()
}

/// The pruner and its two keys; inside, `None` for none.
fn pruner(document: &Document, problems: &mut Vec<String>) -> Option<Option<Pruner>> {
    let name = document.read::<PrunerName>("search", "pruner", problems);
    let warm_up_epochs = document.read::<Option<u32>>("search", "warm_up_epochs", problems);
    let min_trials = document.read::<Option<usize>>("search", "min_trials", problems);
    match (name?, warm_up_epochs?, min_trials?) {
        (PrunerName::None, None, None) => Some(None),
        (PrunerName::Median, Some(warm_up_epochs), Some(min_trials)) if min_trials > 0 => {
            Some(Some(Pruner { warm_up_epochs, min_trials }))
        }
        (PrunerName::None, ..) => {
            let place = document.place("search.pruner");
            let message = "`warm_up_epochs` and `min_trials` are of the pruner `median`";
            problems.push(format!("{place}: `search.pruner` is `none`; {message}"));
            None
        }
        (PrunerName::Median, ..) => {
            let place = document.place("search.pruner");
            let message = "needs `warm_up_epochs`, and `min_trials` of at least 1";
            problems.push(format!("{place}: `search.pruner` is `median`, which {message}"));
            None
        }
    }
}

fn space(document: &Document, problems: &mut Vec<String>) -> Option<Space> {
    let keys = document.read::<BTreeMap<String, toml::Value>>("search", "space", problems)?;
    let mut parameters = BTreeMap::new();
    for (key, value) in keys {
        match value.try_into::<Choices>() {
            Ok(choices) => drop(parameters.insert(key, choices)),
            Err(_) => {
                let place = document.place(&format!("search.space.{key}"));
                problems.push(format!(
                    "{place}: `{key}` has to be a list of values, or {{ low = 1e-4, high = 1e-2, \
                     log = true }}; the names of keys stand in quotes: \"train.learning_rate\""
                ));
            }
        }
    }
    let space = Space::new(parameters);
    space
        .map_err(|error| problems.push(format!("{}: {error}", document.place("search.space"))))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, SearchConfig, load_search};
    use crate::config::document::Document;

    fn complaints(text: &str) -> String {
        let mut problems = Vec::new();
        SearchConfig::read(&Document::parse("test.toml", text).unwrap(), &mut problems);
        problems.join("\n")
    }

    #[test]
    fn the_grids_of_the_study_have_their_sizes() {
        for (name, num_points) in
            [("search-resnet50.toml", 216), ("search-efficientnet-b4.toml", 144)]
        {
            let search = load_search(name).unwrap();
            assert_eq!(search.space.num_points(), Some(num_points), "{name}");
            let first = search.space.point(0).unwrap();
            assert_eq!(search.trial(&first).unwrap().run.seeds.len(), 1);
            search.checked_base().unwrap();
        }
    }

    #[test]
    fn problems_are_reported_with_their_line() {
        let text = BUILT_IN[0].1;
        let line = |key: &str| 1 + text[..text.find(key).unwrap()].matches('\n').count();
        let found = complaints(&text.replace("sampler = \"grid\"", "sampler = \"gird\""));
        assert!(
            found.starts_with(&format!("test.toml:{}: `search.sampler`", line("sampler ="))),
            "{found}"
        );
        let found =
            complaints(&text.replace("\"augment.zoom\" = [0.25, 0.5]", "\"augment.zoom\" = 0.5"));
        assert!(found.contains("`augment.zoom` has to be a list of values"), "{found}");
        let found = complaints(&text.replace("pruner = \"none\"", "pruner = \"median\""));
        assert!(found.contains("which needs `warm_up_epochs`"), "{found}");
        let found = complaints(&text.replace("seed = 0", "sead = 0"));
        assert!(
            found.contains("did you mean `seed`?") && found.contains("`search.seed` is missing"),
            "{found}"
        );
    }

    #[test]
    fn a_value_that_does_not_fit_is_named() {
        let mut search = load_search("search-resnet50.toml").unwrap();
        search.changes.push("train.batch_size=0".to_string());
        let error = search.checked_base().unwrap_err().to_string();
        assert!(error.contains("train.batch_size"), "{error}");
        let space = r#"{"augment.zoom": [0.1, 7.0], "model.head": ["gap", "nose"]}"#;
        search.space = serde_json::from_str(space).unwrap();
        search.changes.clear();
        let error = search.checked_base().unwrap_err().to_string();
        for part in ["augment.zoom = 7.0: ", "model.head = \"nose\": "] {
            assert!(error.contains(part), "{part} not in: {error}");
        }
        assert!(!error.contains("augment.zoom = 0.1: "), "{error}");
    }
}
