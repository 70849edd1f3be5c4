//! What a file holds and is not read, counted.

use std::collections::BTreeMap;

/// Things that are not read, by their names.
#[derive(Debug, Default)]
pub(crate) struct Skipped(BTreeMap<(String, String), usize>);

impl Skipped {
    /// One more of what is called `one`, or `many` where there are several.
    pub fn add(&mut self, one: impl Into<String>, many: impl Into<String>) {
        *self.0.entry((one.into(), many.into())).or_default() += 1;
    }

    /// Adds what was skipped elsewhere.
    pub fn extend(&mut self, other: Self) {
        for (names, num) in other.0 {
            *self.0.entry(names).or_default() += num;
        }
    }

    /// Each with its number, as in "3 key points", sorted by name.
    pub fn into_lines(self) -> Vec<String> {
        let line = |((one, many), num): ((String, String), usize)| match num {
            1 => format!("1 {one}"),
            _ => format!("{num} {many}"),
        };
        self.0.into_iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_with_its_number() {
        let mut skipped = Skipped::default();
        for _ in 0..3 {
            skipped.add("key point", "key points");
        }
        let mut other = Skipped::default();
        other.add("cuboid", "cuboids");
        skipped.extend(other);
        assert_eq!(skipped.into_lines(), ["1 cuboid", "3 key points"]);
    }
}
