//! Which characteristics are typical of a disease.

use dermx_data::{Dataset, Image};
use std::collections::{BTreeMap, BTreeSet};

/// By gold diagnosis, the characteristics that at least half of the kept evaluations of its images
/// outline.
pub fn typical(dataset: &Dataset) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut num_evaluations: BTreeMap<&str, usize> = BTreeMap::new();
    let mut num_outlined: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for evaluation in dataset.readings().iter().filter(|one| one.is_accepted()) {
        let gold = dataset.image(&evaluation.image_id).and_then(Image::gold_class);
        let Some(class) = gold else { continue };
        *num_evaluations.entry(class).or_default() += 1;
        let outlined = num_outlined.entry(class).or_default();
        for characteristic in evaluation.concepts() {
            *outlined.entry(characteristic).or_default() += 1;
        }
    }
    num_outlined
        .into_iter()
        .map(|(disease, outlined)| {
            let is_typical = |num: usize| 2 * num >= num_evaluations[disease];
            let names = outlined.into_iter().filter(|(_, num)| is_typical(*num));
            (disease, names.map(|(name, _)| name).collect())
        })
        .collect()
}
