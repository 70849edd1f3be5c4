//! "Did you mean": the nearest of a few known names.

/// ` (did you mean ...?)` when one of `candidates` is within two edits of `name`, else nothing.
pub fn did_you_mean(name: &str, candidates: &[&str]) -> String {
    candidates
        .iter()
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
