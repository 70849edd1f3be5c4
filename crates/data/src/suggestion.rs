//! "Did you mean": the nearest of a few known names.

/// Longest name that is compared with others, in bytes.
const MAX_BYTES: usize = 200;
/// Names of two edits from each other differ by no more bytes, whatever the letters.
const MAX_LENGTH_DIFFERENCE: usize = 16;

/// ` (did you mean ...?)` when one of `candidates` is within two edits of `name`, else nothing.
pub fn did_you_mean(name: &str, candidates: &[&str]) -> String {
    // No name that is known is much longer than the longest of them.
    if name.len() > MAX_BYTES {
        return String::new();
    }
    let near = |candidate: &&&str| candidate.len().abs_diff(name.len()) <= MAX_LENGTH_DIFFERENCE;
    candidates
        .iter()
        .filter(near)
        .map(|candidate| (edit_distance(name, candidate), candidate))
        .min()
        .filter(|&(distance, _)| distance <= 2)
        .map_or_else(String::new, |(_, candidate)| format!(" (did you mean `{candidate}`?)"))
}

/// Levenshtein distance, ignoring case.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (cell, &right) in row.iter_mut().skip(1).zip(&b) {
            let distance = (diagonal + usize::from(left != right)).min(before + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = distance;
            before = distance;
        }
        row[0] = i + 1;
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_counts_insertions_deletions_and_replacements() {
        // kitten -> sitten -> sittin -> sitting
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("ABC", "abc"), 0);
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        assert_eq!(did_you_mean("Acnes", &["Acne", "Vitiligo"]), " (did you mean `Acne`?)");
        assert_eq!(did_you_mean("Eczema", &["Acne", "Vitiligo"]), "");
    }
}
