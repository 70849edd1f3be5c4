//! The settings that the results of a run depend on.

use std::collections::BTreeMap;
use std::fmt;

/// What the results of a run depend on, as the caller describes it: names and values.
pub type Fingerprint = BTreeMap<String, String>;

/// A name whose value is not the same in two fingerprints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The name.
    pub key: String,
    /// The value before, if there was one.
    pub before: Option<String>,
    /// The value now, if there is one.
    pub now: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_string());
        write!(f, "{}: before {}, now {}", self.key, text(&self.before), text(&self.now))
    }
}

/// All names whose values differ, sorted.
pub fn differences(before: &Fingerprint, now: &Fingerprint) -> Vec<Difference> {
    let added = now.keys().filter(|key| !before.contains_key(*key));
    let mut keys: Vec<&String> = before.keys().chain(added).collect();
    keys.sort();
    let differing = keys.into_iter().filter(|key| before.get(*key) != now.get(*key));
    let difference = |key: &String| Difference {
        key: key.clone(),
        before: before.get(key).cloned(),
        now: now.get(key).cloned(),
    };
    differing.map(difference).collect()
}

#[cfg(test)]
mod tests {
    use super::{Fingerprint, differences};

    fn fingerprint(pairs: &[(&str, &str)]) -> Fingerprint {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    #[test]
    fn what_was_changed_added_and_removed_is_listed_with_both_values() {
        let before = fingerprint(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let now = fingerprint(&[("b", "2"), ("c", "4"), ("d", "5")]);
        let found: Vec<String> =
            differences(&before, &now).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["a: before 1, now nothing", "c: before 3, now 4", "d: before nothing, now 5"]
        );
        assert!(differences(&now, &now).is_empty());
    }
}
