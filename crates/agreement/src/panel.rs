//! The evaluations that a table counts, image by image.

use crate::choices::{AgreementChoices, Evaluations, SeveralDiagnoses};
use crate::strata::Stratum;
use dermx_data::{Dataset, Image, Reading, is_settled};
use dermx_eval::Judgement;

/// Images with the evaluations that count, both in the order of the data set.
pub(crate) struct Panel<'a> {
    pub images: Vec<PanelImage<'a>>,
    /// All raters of the data set, sorted; the number of a rater is its place here.
    pub raters: Vec<&'a str>,
    several_diagnoses: SeveralDiagnoses,
}

pub(crate) struct PanelImage<'a> {
    /// The row of the metadata, if there is one.
    pub record: Option<&'a Image>,
    /// Evaluations with the number of their rater.
    pub evaluations: Vec<(usize, &'a Reading)>,
}

impl<'a> Panel<'a> {
    pub fn new(dataset: &'a Dataset, choices: &AgreementChoices) -> Self {
        let raters: Vec<&str> = dataset.raters().into_iter().collect();
        let rater_idx = |one: &Reading| raters.partition_point(|rater| **rater < *one.rater);
        let images = dataset
            .readings()
            .chunk_by(|one, other| one.image_id == other.image_id)
            .map(|of_image| PanelImage {
                record: dataset.image(&of_image[0].image_id),
                evaluations: of_image
                    .iter()
                    .filter(|one| counts(one, of_image, choices))
                    .map(|one| (rater_idx(one), one))
                    .collect(),
            })
            .filter(|image| !image.evaluations.is_empty())
            .collect();
        Self { images, raters, several_diagnoses: choices.several_diagnoses }
    }

    /// The same without readings that name no class, unless naming none counts.
    pub fn of_classes(dataset: &'a Dataset, choices: &AgreementChoices) -> Self {
        let mut panel = Self::new(dataset, choices);
        for image in &mut panel.images {
            image.evaluations.retain(|(_, one)| one.needs_class || !one.classes.is_empty());
        }
        panel.images.retain(|image| !image.evaluations.is_empty());
        panel
    }

    /// What every evaluation says, image by image.
    pub fn judgements(&self, says: impl Fn(&Reading) -> bool) -> Vec<Vec<Judgement>> {
        let judge =
            |&(rater_idx, one): &(usize, &Reading)| Judgement { rater_idx, is_positive: says(one) };
        self.images.iter().map(|image| image.evaluations.iter().map(judge).collect()).collect()
    }

    /// Whether `evaluation` names `diagnosis`, under the rule for several diagnoses.
    pub fn names(&self, evaluation: &Reading, diagnosis: &str) -> bool {
        match self.several_diagnoses {
            SeveralDiagnoses::Any => evaluation.classes.iter().any(|one| one == diagnosis),
            SeveralDiagnoses::First | SeveralDiagnoses::Drop => {
                evaluation.classes.first().is_some_and(|first| first == diagnosis)
            }
        }
    }

    /// The rows of the metadata of the images.
    pub fn records(&self) -> Records<'a> {
        Records(self.images.iter().map(|image| image.record).collect())
    }
}

/// The rows of the metadata of a panel's images, where there are any.
pub(crate) struct Records<'a>(Vec<Option<&'a Image>>);

impl Records<'_> {
    /// The places of the images of `stratum`, or of all.
    pub fn image_idxs(&self, stratum: Option<&Stratum>) -> Vec<u32> {
        (0u32..)
            .zip(&self.0)
            .filter(|(_, record)| stratum.is_none_or(|stratum| stratum.contains(**record)))
            .map(|(image_idx, _)| image_idx)
            .collect()
    }
}

fn counts(evaluation: &Reading, of_image: &[Reading], choices: &AgreementChoices) -> bool {
    let takes_part = match choices.evaluations {
        Evaluations::All => true,
        Evaluations::Accepted => evaluation.is_accepted(),
        Evaluations::Settled => {
            evaluation.is_single() || evaluation.is_accepted() && is_settled(evaluation, of_image)
        }
        Evaluations::Single => evaluation.is_single(),
    };
    let is_dropped =
        choices.several_diagnoses == SeveralDiagnoses::Drop && evaluation.classes.len() > 1;
    takes_part && !is_dropped
}
