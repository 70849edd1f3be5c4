//! The units of a sweep: one network each.

use dermx_work::{Kind, Resolved};
use serde::{Deserialize, Serialize};

/// One network to train: a configuration, a seed, perhaps a fold, perhaps changed keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// `CONFIG[-fFOLD]-sSEED-HASH`: equal configurations have equal names.
    pub name: String,
    /// What it has in common with the other seeds: `CONFIG[-fFOLD]-HASH`.
    pub group: String,
    /// The name of the configuration.
    pub config: String,
    /// The seed.
    pub seed: u64,
    /// The fold that is for validation, if the folds were swept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<u64>,
    /// The swept keys with the values of this unit, `section.key=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// What computes it, in the words of the work.
    #[serde(default = "processor")]
    pub backend: String,
    /// What is done with it.
    #[serde(default, skip_serializing_if = "Kind::is_run")]
    pub kind: Kind,
}

/// The backend of a unit that says none.
pub const PROCESSOR: &str = "cpu";

fn processor() -> String {
    PROCESSOR.to_string()
}

/// The hash of a text that names it: 8 hexadecimal digits of BLAKE3, enough for 10,000 names: two of
/// them are equal with a probability of 1 %, and then planning says so.
fn short_hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..8].to_string()
}

impl Unit {
    /// The overrides that make the configuration of this unit of the one that it is named after: in all of
    /// them `split.fold` is the fold and `run.seeds` the list of seeds.
    pub fn overrides(&self) -> Vec<String> {
        let fold = self.fold.map(|fold| format!("split.fold={fold}"));
        let seed = format!("run.seeds=[{}]", self.seed);
        self.set.iter().cloned().chain(fold).chain([seed]).collect()
    }
}

/// A unit of `config`, computed by `backend`, for each seed, fold, and combination of the values of `sets`,
/// in this order: the last of `sets` changes last, seeds change first. `resolve` gets the configuration of
/// a unit that has no name yet.
///
/// # Errors
/// Those of `resolve`.
pub fn units<E>(
    config: &str,
    backend: &str,
    seeds: &[u64],
    folds: &[u64],
    sets: &[Vec<String>],
    mut resolve: impl FnMut(&Unit) -> Result<Resolved, E>,
) -> Result<Vec<Unit>, E> {
    let folds: Vec<Option<u64>> = match folds {
        [] => vec![None],
        folds => folds.iter().copied().map(Some).collect(),
    };
    let mut units = Vec::new();
    for set in combinations(sets) {
        for &fold in &folds {
            for &seed in seeds {
                let mut unit = Unit {
                    name: String::new(),
                    group: String::new(),
                    config: config.to_string(),
                    seed,
                    fold,
                    set: set.clone(),
                    backend: backend.to_string(),
                    kind: Kind::Run,
                };
                let Resolved { content, content_of_group, .. } = resolve(&unit)?;
                let [content, content_of_group] =
                    [content, content_of_group].map(|text| on_backend(text, backend));
                let fold = fold.map_or(String::new(), |fold| format!("-f{fold}"));
                unit.name = format!("{config}{fold}-s{seed}-{}", short_hash(&content));
                unit.group = format!("{config}{fold}-{}", short_hash(&content_of_group));
                units.push(unit);
            }
        }
    }
    Ok(units)
}

/// What tells units apart: other backends round otherwise.
fn on_backend(content: String, backend: &str) -> String {
    match backend {
        PROCESSOR => content,
        _ => format!("{content}backend = {backend}\n"),
    }
}

/// One of each list, in all ways.
fn combinations(lists: &[Vec<String>]) -> Vec<Vec<String>> {
    lists.iter().fold(vec![Vec::new()], |done, list| {
        let with = |value: &String| {
            done.iter().map(|one| one.iter().chain([value]).cloned().collect()).collect()
        };
        list.iter().flat_map(|value| -> Vec<Vec<String>> { with(value) }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{Unit, units};
    use dermx_work::{Kind, Resolved};
    use std::collections::BTreeSet;

    fn resolve(unit: &Unit) -> Result<Resolved, String> {
        let content_of_group = format!("{} {:?} {:?}", unit.config, unit.fold, unit.set);
        let content = format!("{content_of_group} {}", unit.seed);
        Ok(Resolved { content, content_of_group, ..Resolved::default() })
    }

    #[test]
    fn every_combination_is_a_unit_and_seeds_share_a_group() {
        let sets = [vec!["a.b=1".into(), "a.b=2".into()], vec!["c.d=x".into(), "c.d=y".into()]];
        let found = units("net", "cpu", &[0, 1, 2], &[4, 5], &sets, resolve).unwrap();
        assert_eq!(found.len(), 3 * 2 * 4);
        let distinct =
            |of: fn(&Unit) -> &String| found.iter().map(of).collect::<BTreeSet<_>>().len();
        assert_eq!((distinct(|unit| &unit.name), distinct(|unit| &unit.group)), (24, 8));
        assert_eq!(found[0].overrides(), ["a.b=1", "c.d=x", "split.fold=4", "run.seeds=[0]"]);
        assert_eq!((found[1].seed, found[3].fold, &found[6].set[0]), (1, Some(5), &"a.b=2".into()));
        assert!(found[0].name.starts_with("net-f4-s0-") && found[0].group.starts_with("net-f4-"));
    }

    #[test]
    fn a_plan_from_before_searches_is_one_of_runs() {
        let text = r#"{"name": "net-s3-0", "group": "net-0", "config": "net", "seed": 3}"#;
        let unit: Unit = serde_json::from_str(text).unwrap();
        assert_eq!((unit.kind, &*unit.backend), (Kind::Run, "cpu"));
        let trial = Unit { kind: Kind::Trial, ..unit.clone() };
        let [run, trial] = [&unit, &trial].map(|one| serde_json::to_string(one).unwrap());
        assert!(!run.contains("kind") && trial.contains(r#""kind":"trial""#), "{run} {trial}");
    }

    #[test]
    fn equal_configurations_have_equal_names() {
        let on = |backend: &str| units("net", backend, &[3], &[], &[], resolve).unwrap();
        let one = on("cpu");
        assert_eq!(one, on("cpu"));
        // Another backend rounds otherwise: another unit, and another group.
        let other = on("cuda:0");
        assert!(other[0].name != one[0].name && other[0].group != one[0].group);
        assert_eq!(one[0].overrides(), ["run.seeds=[3]"]);
        let error = units("net", "cpu", &[3], &[], &[], |_| Err::<Resolved, _>("no"));
        assert_eq!(error, Err("no"));
    }
}
