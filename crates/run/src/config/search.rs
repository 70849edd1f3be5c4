//! Configurations of a search: `[search]`, which names the configuration that it varies.

use super::config::Config;
use super::declare::{choice, section, section_node};
use super::files::{OneSection, Source};
use super::resolve::listed;
use super::schema::{Node, Range};
use super::words::Objective;
use crate::error::{RunError, RunResult};
use dermx_search::{Domain, Params, Pruner, SamplerName, Space};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

choice! {
    /// How parameters are chosen.
    Sampler by "name", default "grid" {
        /// Every point, in order.
        Grid = "grid" {}
        /// Points at random.
        Random = "random" {
            /// Seed of the choice; every trial trains with the first of run.seeds.
            seed: u64, default(0);
        }
        /// Where good points were: the tree-structured Parzen estimator.
        Tpe = "tpe" {
            /// Seed of the choice; every trial trains with the first of run.seeds.
            seed: u64, default(0);
        }
    }
}

choice! {
    /// Which trials end early.
    PrunerChoice by "name", default "none" {
        /// None do.
        None = "none" {}
        /// Those that are worse than the median of others at the same epoch.
        Median = "median" {
            /// Number of epochs that every trial gets.
            warm_up_epochs: u32, default(5);
            /// Number of finished trials that a median is taken of at least.
            min_trials: usize, default(5), Range::at_least(1.0);
        }
    }
}

section! {
    /// A search: what is varied, and how.
    SearchSection {
        /// The configuration that is varied.
        base: String, required;
        /// How parameters are chosen.
        sampler: Sampler, choice;
        /// The score on the validation photos that is raised.
        objective: Objective, default(Objective::MacroF1);
        /// Number of trials.
        max_trials: Option<usize>, word("all"), Range::Count(1, 1_000_000);
        /// Which trials end early.
        pruner: PrunerChoice, choice;
        /// What all trials change in the configuration: keys in quotes, with their values.
        set: BTreeMap<String, toml::Value>, default(BTreeMap::new());
        /// What is varied: keys in quotes, each with a list of values or a range
        /// { low = 1e-4, high = 1e-2, log = true }.
        space: BTreeMap<String, toml::Value>, required;
    }
}

/// The section of a search.
pub(super) const SEARCH: &str = "search";

/// What a file that configures a search may say.
pub(super) fn root() -> Vec<Node> {
    vec![section_node(SEARCH, SearchSection::meaning(), false, SearchSection::nodes())]
}

fn bad(message: String) -> RunError {
    RunError::bad_config(message)
}

/// A search: what is varied, and how.
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

impl SearchConfig {
    /// Loads the search `name`, as [`Config::load`] does a configuration.
    ///
    /// # Errors
    /// No such search, or the list of all that is wrong with it.
    pub fn load(name: &str) -> RunResult<Self> {
        Self::of_source(&Source::find(name)?)
    }

    fn of_source(source: &Source) -> RunResult<Self> {
        let mut problems = Vec::new();
        let OneSection { document, resolved, section } =
            source.one_section::<SearchSection>(&root(), SEARCH, &mut problems)?;
        let Some(section) = section else { return Err(bad(listed(&problems))) };
        let place = |path: &str| document.place(path);
        let space = match resolved.bad.contains("search.space") {
            true => None,
            false => space(section.space, &place, &mut problems),
        };
        let (sampler, seed) = match section.sampler {
            Sampler::Grid {} => (SamplerName::Grid, 0),
            Sampler::Random { seed } => (SamplerName::Random, seed),
            Sampler::Tpe { seed } => (SamplerName::Tpe, seed),
        };
        let pruner = match section.pruner {
            PrunerChoice::None {} => None,
            PrunerChoice::Median { warm_up_epochs, min_trials } => {
                Some(Pruner { warm_up_epochs, min_trials })
            }
        };
        match space {
            Some(space) if problems.is_empty() => Ok(Self {
                base: section.base,
                sampler,
                objective: section.objective,
                seed,
                max_trials: section.max_trials,
                pruner,
                changes: section.set.iter().map(|(key, value)| format!("{key}={value}")).collect(),
                space,
            }),
            _ => Err(bad(listed(&problems))),
        }
    }

    /// The base configuration with `params`.
    ///
    /// # Errors
    /// The list of all that is wrong with it.
    pub fn with(&self, params: &Params) -> RunResult<Config> {
        let assignments =
            params.iter().map(|(key, value)| assignment(key, value)).collect::<RunResult<_>>()?;
        Config::load(&self.base, &[self.changes.clone(), assignments].concat())
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
        if problems.is_empty() { Ok(base) } else { Err(bad(listed(&problems))) }
    }
}

/// `section.key=value` that gives `key` a value of a search.
///
/// # Errors
/// A value that TOML does not know.
pub fn assignment(key: &str, value: &serde_json::Value) -> RunResult<String> {
    let value = toml::Value::try_from(value)
        .map_err(|error| bad(format!("search.space: `{key}`: {error}")))?;
    Ok(format!("{key}={value}"))
}

/// The space that the values of `space` describe; `place` says where a key was written.
fn space(
    space: BTreeMap<String, toml::Value>,
    place: &dyn Fn(&str) -> String,
    problems: &mut Vec<String>,
) -> Option<Space> {
    let mut parameters = BTreeMap::new();
    for (key, value) in space {
        match value.try_into::<Domain>() {
            Ok(choices) => drop(parameters.insert(key, choices)),
            Err(_) => {
                let place = place(&format!("search.space.{key}"));
                problems.push(format!(
                    "{place}: `{key}` has to be a list of values, or {{ low = 1e-4, high = 1e-2, \
                     log = true }}; the names of keys stand in quotes: \"train.learning_rate\""
                ));
            }
        }
    }
    let space = Space::new(parameters);
    space.map_err(|error| problems.push(format!("{}: {error}", place("search.space")))).ok()
}

#[cfg(test)]
mod tests {
    use super::SearchConfig;
    use crate::config::MOVED;
    use crate::config::files::{BUILT_IN, Source};

    fn complaints(text: &str) -> String {
        let found = SearchConfig::of_source(&Source::of_text("test.toml", text));
        found.err().map_or(String::new(), |error| error.to_string())
    }

    #[test]
    fn the_grids_of_the_study_have_their_sizes() {
        for (name, num_points) in
            [("search-resnet50.toml", 216), ("search-efficientnet-b4.toml", 144)]
        {
            let search = SearchConfig::load(name).unwrap();
            assert_eq!(search.space.num_points(), Some(num_points), "{name}");
            let first = search.space.point(0).unwrap();
            search.with(&first).unwrap();
            search.checked_base().unwrap();
        }
    }

    #[test]
    fn problems_are_reported_with_their_line() {
        let (_, text) =
            BUILT_IN.iter().copied().find(|(name, _)| *name == "search-resnet50.toml").unwrap();
        let line =
            |text: &str, key: &str| 1 + text[..text.find(key).unwrap()].matches('\n').count();
        let with = |line: &str| text.replace("[search]\n", &format!("[search]\n{line}\n"));
        let wrong = with("sampler = \"gird\"");
        let place = format!("test.toml:{}: ", line(&wrong, "sampler = \"gird"));
        let found = complaints(&wrong);
        assert_eq!(found, format!("{place}`search.sampler.name` is `gird`; did you mean `grid`?"));
        let found =
            complaints(&text.replace("\"augment.zoom\" = [0.25, 0.5]", "\"augment.zoom\" = 0.5"));
        assert!(found.contains("`augment.zoom` has to be a list of values"), "{found}");
        let found = complaints(&with("pruner = { name = \"median\", min_trials = 0 }"));
        assert!(found.contains("`search.pruner.min_trials` has to be at least 1"), "{found}");
        let found = complaints(&with("pruner = { min_trials = 2 }"));
        assert!(
            found.contains("is for `search.pruner.name` = \"median\"; here it is \"none\""),
            "{found}"
        );
        for (before, now) in MOVED.iter().filter(|(before, _)| before.starts_with("search.")) {
            let key = before.trim_start_matches("search.");
            let found = complaints(&with(&format!("{key} = 1")));
            assert!(found.ends_with(&format!("`{before}` is now `{now}`")), "{found}");
        }
        let found = complaints("[search]\n");
        assert!(found.contains("`search.base` is missing"), "{found}");
        assert!(found.contains("`search.space` is missing"), "{found}");
    }

    #[test]
    fn a_value_that_does_not_fit_is_named() {
        let mut search = SearchConfig::load("search-resnet50.toml").unwrap();
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
