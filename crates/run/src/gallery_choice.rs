//! Which photos a report shows.

use crate::gallery::GalleryPhoto;
use dermx_data::{Dataset, Random, Reading};
use dermx_report::Chosen;
use std::collections::BTreeMap;

/// The seed of the photos that are drawn at random.
const SEED: u64 = 0;

/// A photo that may be shown.
pub struct Candidate<'a> {
    /// Its place among the photos.
    pub idx: usize,
    /// Its gold class.
    pub class: &'a str,
    /// Its mean F1 over raters; `None` where it has none.
    pub f1: Option<f64>,
}

/// The photos that may be shown: those that somebody outlined, unless nobody outlined any.
pub fn candidates<'a>(
    dataset: &Dataset,
    photos: &'a [GalleryPhoto],
    f1: &BTreeMap<String, f64>,
) -> Vec<Candidate<'a>> {
    let is_outlined = |one: &Reading| one.inside().next().is_some();
    let is_any = dataset.readings().iter().any(is_outlined);
    let shown = photos.iter().enumerate().filter(|(_, photo)| {
        !is_any || dataset.readings_of(&photo.image_id).iter().any(is_outlined)
    });
    shown
        .map(|(idx, photo)| Candidate {
            idx,
            class: &photo.gold,
            f1: f1.get(&photo.image_id).copied(),
        })
        .collect()
}

/// The photos to show, `num_images` at most, with the reasons for each: all, if they are no more; else for one
/// half the first of each class, for the other as many of the best, of the worst and drawn at random. One that
/// is chosen for several reasons is shown once.
pub fn choose(
    candidates: &[Candidate<'_>],
    num_classes: usize,
    num_images: usize,
) -> Vec<(usize, Vec<Chosen>)> {
    let mut chosen: Vec<(usize, Vec<Chosen>)> = Vec::new();
    let mut choose =
        |idx: usize, reason: Chosen| match chosen.iter_mut().find(|(found, _)| *found == idx) {
            Some((_, reasons)) => reasons.push(reason),
            None => chosen.push((idx, vec![reason])),
        };
    let num_first = num_images.div_ceil(2);
    let num_others = num_images - num_first;
    let most_of_class = num_first.div_ceil(num_classes.max(1));
    let mut num_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut num_left = num_first;
    for one in candidates {
        let num_of_class = num_of.entry(one.class).or_default();
        if *num_of_class < most_of_class && num_left > 0 {
            *num_of_class += 1;
            num_left -= 1;
            choose(one.idx, Chosen::First);
        }
    }
    let mut by_f1: Vec<(f64, usize)> =
        candidates.iter().filter_map(|one| Some((one.f1?, one.idx))).collect();
    by_f1.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    let best = by_f1.iter().take(num_others.div_ceil(3));
    best.for_each(|(_, idx)| choose(*idx, Chosen::Best));
    let worst = by_f1.iter().rev().take((num_others + 1) / 3);
    worst.for_each(|(_, idx)| choose(*idx, Chosen::Worst));
    // Without scores there are neither, and more are drawn.
    let num_drawn = if by_f1.is_empty() { num_others } else { num_others / 3 };
    let mut urn: Vec<usize> = candidates.iter().map(|one| one.idx).collect();
    let mut random = Random::new(SEED, "gallery", 0, "");
    for _ in 0..num_drawn.min(urn.len()) {
        choose(urn.swap_remove(random.below(urn.len())), Chosen::Random);
    }
    if candidates.len() <= num_images {
        let is_chosen: Vec<usize> = chosen.iter().map(|(idx, _)| *idx).collect();
        let others = candidates.iter().filter(|one| !is_chosen.contains(&one.idx));
        chosen.extend(others.map(|one| (one.idx, Vec::new())));
    }
    chosen
}

/// How the photos were chosen among `num_candidates`, with maps of the network of `seed` if that is known.
pub fn in_words(
    chosen: &[(usize, Vec<Chosen>)],
    num_candidates: usize,
    seed: Option<u64>,
) -> String {
    let count = |reason| chosen.iter().filter(|(_, reasons)| reasons.contains(&reason)).count();
    let parts = [
        (Chosen::First, "the first of each class in the order of their names"),
        (Chosen::Best, "with the highest F1 (mean over raters)"),
        (Chosen::Worst, "with the lowest"),
        (Chosen::Random, "drawn at random (seed 0)"),
    ];
    let told = parts.into_iter().map(|(reason, words)| (count(reason), words));
    let told: Vec<String> = told
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let whole = chosen.len() == num_candidates;
    let network = seed
        .map_or_else(String::new, |seed| format!(", with heat maps of the network of seed {seed}"));
    format!(
        "{} {num_candidates} photos that could be shown{network}: {}. A photo may be there for several reasons.",
        if whole { "All".to_owned() } else { format!("{} of", chosen.len()) },
        told.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many photos of two classes in turn; the F1 of photo k is (7 k mod 10) / 10.
    fn photos(count: usize) -> Vec<Candidate<'static>> {
        let of = |idx: usize| Candidate {
            idx,
            class: ["acne", "warts"][idx % 2],
            f1: Some((7 * idx % 10) as f64 / 10.0),
        };
        (0..count).map(of).collect()
    }

    fn with(chosen: &[(usize, Vec<Chosen>)], reason: Chosen) -> Vec<usize> {
        let some = chosen.iter().filter(|(_, reasons)| reasons.contains(&reason));
        some.map(|(idx, _)| *idx).collect()
    }

    #[test]
    fn half_are_the_first_of_each_class_and_the_others_best_worst_and_drawn() {
        // 12: six first, three of each class; two best, two worst, two drawn.
        let chosen = choose(&photos(100), 2, 12);
        assert_eq!(with(&chosen, Chosen::First), [0, 1, 2, 3, 4, 5]);
        // 7 * 7 = 49 and 7 * 17 = 119 end in 9; photos 0 and 10 have 0, and the last of them come first.
        assert_eq!(with(&chosen, Chosen::Best), [7, 17]);
        assert_eq!(with(&chosen, Chosen::Worst), [90, 80]);
        let drawn = with(&chosen, Chosen::Random);
        assert_eq!(drawn.len(), 2);
        assert_eq!(with(&choose(&photos(100), 2, 12), Chosen::Random), drawn);
        let words = in_words(&chosen, 100, Some(3));
        for part in
            ["of 100 photos", "seed 3: 6 the first", "2 with the highest", "2 drawn at random"]
        {
            assert!(words.contains(part), "{part}: {words}");
        }
    }

    #[test]
    fn of_no_more_photos_than_are_asked_for_all_are_shown_once() {
        let chosen = choose(&photos(5), 2, 12);
        let mut shown: Vec<usize> = chosen.iter().map(|(idx, _)| *idx).collect();
        shown.sort_unstable();
        assert_eq!(shown, [0, 1, 2, 3, 4]);
        assert!(in_words(&chosen, 5, None).starts_with("All 5 photos"));
    }

    #[test]
    fn without_scores_there_is_neither_best_nor_worst_and_none_asked_for_is_none() {
        let unscored: Vec<Candidate<'_>> =
            photos(100).into_iter().map(|one| Candidate { f1: None, ..one }).collect();
        let chosen = choose(&unscored, 2, 12);
        assert_eq!(
            (with(&chosen, Chosen::Best).len(), with(&chosen, Chosen::Random).len()),
            (0, 6)
        );
        assert!(choose(&unscored, 2, 0).is_empty());
    }
}
