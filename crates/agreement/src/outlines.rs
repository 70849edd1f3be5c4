//! Outlines of raters against each other, pixel by pixel.

use crate::choices::{AgreementChoices, OneEmpty};
use crate::panel::{Panel, PanelImage};
use crate::table::{Kind, RowEvidence, Support, TableEvidence};
use dermx_data::{DataError, Dataset, ImageSize, Mask, Reading};
use dermx_eval::{AgreementCounts, Evidence, is_pair};
use rayon::prelude::*;

/// Table 3b, and each rater's outlines against those that most of the others drew.
pub(crate) struct OutlineEvidence<'a> {
    pub pairs: TableEvidence<'a>,
    pub leave_one_out: TableEvidence<'a>,
}

/// What one image says about one characteristic.
#[derive(Default)]
struct Comparisons {
    pairs: Vec<AgreementCounts>,
    leave_one_out: Vec<AgreementCounts>,
    support: Support,
}

impl<'a> OutlineEvidence<'a> {
    /// Compares the outlines of every image.
    ///
    /// # Errors
    /// A mask file that cannot be read.
    pub fn new(
        dataset: &Dataset,
        panel: &Panel<'a>,
        choices: AgreementChoices,
        labels: &[&str],
    ) -> Result<Self, DataError> {
        let compare = |image: &PanelImage<'_>| -> Result<Vec<Comparisons>, DataError> {
            labels.iter().map(|label| compare(dataset, image, label, &choices)).collect()
        };
        let images: Vec<Vec<Comparisons>> =
            panel.images.par_iter().map(compare).collect::<Result<_, _>>()?;
        let table = |kind: Kind, counts: fn(&Comparisons) -> &Vec<AgreementCounts>| TableEvidence {
            kind,
            records: panel.records(),
            choices,
            rows: (0..labels.len())
                .map(|label_idx| RowEvidence {
                    label: labels[label_idx].to_string(),
                    evidence: Evidence::per_image(
                        images.iter().map(|image| counts(&image[label_idx]).clone()).collect(),
                    ),
                    support: images.iter().map(|image| image[label_idx].support).collect(),
                })
                .collect(),
        };
        Ok(Self {
            pairs: table(Kind::Outlines, |one| &one.pairs),
            leave_one_out: table(Kind::LeaveOneOut, |one| &one.leave_one_out),
        })
    }
}

fn compare(
    dataset: &Dataset,
    image: &PanelImage<'_>,
    characteristic: &str,
    choices: &AgreementChoices,
) -> Result<Comparisons, DataError> {
    let mask = |(_, one): &(usize, &Reading)| -> Result<Option<Mask>, DataError> {
        let mask = dataset.mask(one, characteristic)?;
        let mask = match choices.resolution {
            Some(size) => mask.map(|mask| mask.resize_nearest(size)),
            None => mask,
        };
        // A small outline can vanish on a coarse grid.
        Ok(mask.filter(|mask| !mask.is_empty()))
    };
    let masks: Vec<Option<Mask>> = image.evaluations.iter().map(mask).collect::<Result<_, _>>()?;
    let num_evaluations = masks.iter().flatten().count();
    if num_evaluations == 0 {
        return Ok(Comparisons::default());
    }
    let support = Support { num_evaluations, is_positive: true, num_undecided: 0 };
    let leave_one_out = leave_one_out(&masks);
    Ok(Comparisons { pairs: pairs(image, &masks, choices), leave_one_out, support })
}

/// Who outlined nothing has an empty mask; two empty masks are not compared.
fn pairs(
    image: &PanelImage<'_>,
    masks: &[Option<Mask>],
    choices: &AgreementChoices,
) -> Vec<AgreementCounts> {
    let raters: Vec<usize> = image.evaluations.iter().map(|(rater_idx, _)| *rater_idx).collect();
    let mut pairs = Vec::new();
    for (reference_idx, reference) in masks.iter().enumerate() {
        for (other_idx, other) in masks.iter().enumerate() {
            let is_one_empty = reference.is_none() || other.is_none();
            let is_excluded = is_one_empty && choices.one_empty == OneEmpty::Exclude;
            if is_pair(raters[reference_idx], raters[other_idx], choices.pairs) && !is_excluded {
                pairs.extend(overlap(reference.as_ref(), other.as_ref()));
            }
        }
    }
    pairs
}

/// Each rater against the pixels that more than half of the others outlined.
fn leave_one_out(masks: &[Option<Mask>]) -> Vec<AgreementCounts> {
    let num_others = masks.len() - 1;
    let of_rater = |(rater, own): (usize, &Option<Mask>)| {
        let others = masks.iter().enumerate().filter(|(other, _)| *other != rater);
        let others: Vec<&Mask> = others.filter_map(|(_, mask)| mask.as_ref()).collect();
        let most = Mask::in_at_least(num_others / 2 + 1, &others);
        let most = most.filter(|mask| !mask.is_empty());
        (num_others > 0).then(|| overlap(most.as_ref(), own.as_ref())).flatten()
    };
    masks.iter().enumerate().filter_map(of_rater).collect()
}

/// Pixels in one mask, in both, in neither; `None` when there is no mask at all.
fn overlap(reference: Option<&Mask>, other: Option<&Mask>) -> Option<AgreementCounts> {
    let num_pixels = reference.or(other).map(Mask::size).map(ImageSize::num_pixels)?;
    let area = |mask: Option<&Mask>| mask.map_or(0, Mask::area);
    let both = match (reference, other) {
        (Some(reference), Some(other)) => reference.intersection_area(other),
        _ => 0,
    };
    let [only_reference, only_other] = [area(reference) - both, area(other) - both];
    Some(AgreementCounts {
        both: both as u64,
        only_reference: only_reference as u64,
        only_other: only_other as u64,
        neither: (num_pixels - both - only_reference - only_other) as u64,
    })
}
