//! Every table that the annotations alone give.

use crate::chance::{ChanceCorrectedRow, ChanceEvidence, ClassEvidence, DIAGNOSIS};
use crate::choices::{AgreementChoices, Overrides, Table};
use crate::outlines::OutlineEvidence;
use crate::panel::{Panel, PanelImage};
use crate::resamples::Bootstrap;
use crate::strata::strata;
use crate::table::{Cut, Rows, TableEvidence};
use dermx_data::{
    Concept, Counts, DataError, Dataset, ImageScope, Reading, Rounds, Schema, StudyCounts, describe,
};
use dermx_eval::AgreementCounts;
use serde::Serialize;
use std::collections::BTreeMap;

/// What to compute: by default as the study, of all images together, without intervals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Choices other than the study's.
    pub overrides: Overrides,
    /// Attributes of the images to split them by, for tables of each part.
    pub by: Vec<String>,
    /// In a part of the images, a row whose label fewer images carry has no score.
    pub min_images: usize,
    /// Intervals.
    pub bootstrap: Bootstrap,
}

/// Every table, at full precision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatasetTables {
    /// Which images take part.
    pub scope: ImageScope,
    /// Which rounds of annotation take part.
    pub rounds: Rounds,
    /// Evaluations that the selection of images and rounds left out.
    pub files_skipped: usize,
    /// What was outlined.
    pub masks: MaskCounts,
    /// Labels that the schema does not have, with their uses: no table counts them.
    pub unknown_labels: BTreeMap<String, usize>,
    /// The raters, sorted.
    pub raters: Vec<String>,
    /// Readings and images by cohort.
    pub counts: Counts,
    /// Counts that only the study has: of images with a reading that takes part.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub study: Option<StudyCounts>,
    /// Images by attribute and value.
    pub attributes: BTreeMap<String, BTreeMap<String, usize>>,
    /// Images by gold class.
    #[serde(rename = "metadata_images_per_class")]
    pub images_per_class: BTreeMap<String, usize>,
    /// The tables over all images.
    #[serde(flatten)]
    pub agreement: AgreementTables,
    /// The tables of each part of the images, by column and value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by: BTreeMap<String, BTreeMap<String, AgreementTables>>,
    /// What each table counts and how.
    pub choices: BTreeMap<&'static str, AgreementChoices>,
    /// How intervals were found.
    pub bootstrap: Bootstrap,
    /// In a part of the images, a row whose label fewer images carry has no score.
    pub min_images: usize,
}

/// The tables of agreement over some images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgreementTables {
    /// The images with a reading that [`presence`](Self::presence) counts.
    pub num_images: usize,
    /// Raters against the gold standard; the unit is the rater.
    pub gold: Rows,
    /// Accuracy of each rater, over the readings of [`gold`](Self::gold).
    pub accuracy_per_rater: BTreeMap<String, Option<f64>>,
    /// Accuracy over all those readings.
    pub accuracy_pooled: Option<f64>,
    /// Raters against each other, diagnosis; the unit is the pair of raters.
    pub diagnosis: Rows,
    /// Raters against each other, presence of concepts; the unit is the pair of raters.
    pub presence: Rows,
    /// Raters against each other, where concepts are; the unit is the pair of raters in an image.
    pub outlines: Rows,
    /// Agreement beyond chance on the diagnosis ([`DIAGNOSIS`]) and on the presence of each concept.
    pub chance_corrected: Rows<ChanceCorrectedRow>,
    /// Each rater against the majority of the others.
    pub leave_one_rater_out: LeaveOneOut,
}

/// Each rater against the majority of the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeaveOneOut {
    /// Diagnosis; the unit is the rater.
    pub diagnosis: Rows,
    /// Presence of concepts; the unit is the rater.
    pub presence: Rows,
    /// Outlines against the pixels that more than half of the
    /// others outlined; the unit is the rater in an image.
    pub outlines: Rows,
}

/// Outlines of all evaluations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MaskCounts {
    /// Outlined instances with a mask file; 0 where masks come from outlines alone.
    pub files_linked: usize,
    /// Outlined (reading, concept) pairs.
    pub eval_class_masks: usize,
    /// Outlines whose size is not that of the other raters' in Table 3b: such data are refused.
    pub size_mismatches_in_table_3b: usize,
}

impl DatasetTables {
    /// Computes every table of `dataset`.
    ///
    /// # Errors
    /// A mask file that cannot be read, where the data set takes its masks from files.
    ///
    /// # Source
    /// Jalaboi et al., 2021; definitions that give its printed numbers were found on the data.
    pub fn new(dataset: &Dataset, options: &Options) -> Result<Self, DataError> {
        let choices = |table: Table| options.overrides.choices(table);
        let evidence = Evidence::new(dataset, &options.overrides)?;
        let mut by: BTreeMap<String, BTreeMap<String, AgreementTables>> = BTreeMap::new();
        for stratum in options.by.iter().flat_map(|attribute| strata(dataset, attribute)) {
            let min_images = options.min_images;
            let cut = Cut { stratum: Some(&stratum), bootstrap: options.bootstrap, min_images };
            let tables = evidence.tables(&cut);
            by.entry(stratum.attribute).or_default().insert(stratum.value, tables);
        }
        let whole = Cut { stratum: None, bootstrap: options.bootstrap, min_images: 0 };
        let description = describe(dataset);
        let mut ontology = description.ontology;
        let images = Panel::new(dataset, &choices(Table::Images)).images;
        let images: Vec<_> = images.iter().filter_map(|image| image.record).collect();
        let tables =
            [Table::Images, Table::Gold, Table::Diagnosis, Table::Presence, Table::Outlines];
        Ok(Self {
            scope: dataset.selection().images,
            rounds: dataset.selection().rounds,
            files_skipped: dataset.num_left_out(),
            masks: MaskCounts::of(dataset),
            raters: description.raters,
            counts: description.counts,
            unknown_labels: ontology.remove("unknown").unwrap_or_default(),
            study: description.study.map(|_| StudyCounts::of(dataset, &images)),
            attributes: description.attributes,
            images_per_class: description.images_per_class,
            agreement: evidence.tables(&whole),
            by,
            choices: tables.map(|table| (table.name(), choices(table))).into(),
            bootstrap: options.bootstrap,
            min_images: options.min_images,
        })
    }
}

impl MaskCounts {
    fn of(dataset: &Dataset) -> Self {
        let evaluations = dataset.readings();
        let num_instances = evaluations.iter().map(|one| one.regions.len()).sum();
        Self {
            files_linked: if dataset.has_mask_files() { num_instances } else { 0 },
            eval_class_masks: evaluations.iter().map(|one| one.concepts().len()).sum(),
            size_mismatches_in_table_3b: 0,
        }
    }
}

/// The concepts that tables have rows for, those of the whole image first, in the order of the schema; optional
/// ones where a reading has them.
pub fn concepts(dataset: &Dataset) -> Vec<&str> {
    let [located, whole] = [localisable(dataset), in_use(dataset, |one| !one.is_localisable)];
    [whole, located].concat()
}

/// Those that are marked in the image.
pub fn localisable(dataset: &Dataset) -> Vec<&str> {
    in_use(dataset, |one| one.is_localisable)
}

fn in_use(dataset: &Dataset, is_wanted: impl Fn(&Concept) -> bool) -> Vec<&str> {
    let uses = |label: &str| dataset.readings().iter().any(|one| one.has(label));
    let concepts = dataset.schema().concepts.iter().filter(|one| is_wanted(one));
    let used = concepts.filter(|one| !one.is_optional || uses(&one.name));
    used.map(|one| one.name.as_str()).collect()
}

/// The classes, if raters name any.
fn classes(dataset: &Dataset) -> Vec<&str> {
    let Schema { classes, raters_name_classes, .. } = dataset.schema();
    let names = |one: &Reading| !one.classes.is_empty();
    match *raters_name_classes || dataset.readings().iter().any(names) {
        true => classes.iter().map(String::as_str).collect(),
        false => Vec::new(),
    }
}

/// What all tables rest on.
struct Evidence<'a> {
    gold_panel: Panel<'a>,
    gold: TableEvidence<'a>,
    diagnosis: TableEvidence<'a>,
    presence: TableEvidence<'a>,
    outlines: OutlineEvidence<'a>,
    chance: [ChanceEvidence<'a>; 2],
    diagnosis_left_out: TableEvidence<'a>,
    presence_left_out: TableEvidence<'a>,
}

impl<'a> Evidence<'a> {
    fn new(dataset: &'a Dataset, overrides: &Overrides) -> Result<Self, DataError> {
        let (concepts, localisable) = (concepts(dataset), localisable(dataset));
        let classes = classes(dataset);
        let table = |table: Table| {
            let choices = overrides.choices(table);
            (Panel::new(dataset, &choices), choices)
        };
        let named = |table: Table| {
            let choices = overrides.choices(table);
            (Panel::of_classes(dataset, &choices), choices)
        };
        let (gold_panel, gold) = named(Table::Gold);
        let (panel, diagnosis) = named(Table::Diagnosis);
        let names = |one: &Reading, label: &str| panel.names(one, label);
        let (presence_panel, presence) = table(Table::Presence);
        let (outline_panel, outlines) = table(Table::Outlines);
        let class = |one: &Reading| classes.iter().position(|label| names(one, label));
        let of_classes = ClassEvidence::of_classes(&panel, DIAGNOSIS, classes.len(), class);
        let present =
            |label: &&str| ClassEvidence::of_presence(&presence_panel, label, |one| one.has(label));
        let present = concepts.iter().map(present).collect();
        let has = Reading::has;
        Ok(Self {
            gold: TableEvidence::of_gold(&gold_panel, gold, &classes),
            diagnosis: TableEvidence::of_pairs(&panel, diagnosis, &classes, names),
            presence: TableEvidence::of_pairs(&presence_panel, presence, &concepts, has),
            outlines: OutlineEvidence::new(dataset, &outline_panel, outlines, &localisable)?,
            chance: [
                ChanceEvidence {
                    records: panel.records(),
                    rows: if classes.is_empty() { Vec::new() } else { vec![of_classes] },
                },
                ChanceEvidence { records: presence_panel.records(), rows: present },
            ],
            diagnosis_left_out: TableEvidence::of_leave_one_out(&panel, diagnosis, &classes, names),
            presence_left_out: TableEvidence::of_leave_one_out(
                &presence_panel,
                presence,
                &concepts,
                has,
            ),
            gold_panel,
        })
    }

    fn tables(&self, cut: &Cut<'_>) -> AgreementTables {
        let (accuracy_per_rater, accuracy_pooled) = self.accuracies(cut);
        AgreementTables {
            num_images: self.presence.records.image_idxs(cut.stratum).len(),
            gold: self.gold.rows(cut),
            accuracy_per_rater,
            accuracy_pooled,
            diagnosis: self.diagnosis.rows(cut),
            presence: self.presence.rows(cut),
            outlines: self.outlines.pairs.rows(cut),
            chance_corrected: self.chance.iter().flat_map(|one| one.rows(cut)).collect(),
            leave_one_rater_out: LeaveOneOut {
                diagnosis: self.diagnosis_left_out.rows(cut),
                presence: self.presence_left_out.rows(cut),
                outlines: self.outlines.leave_one_out.rows(cut),
            },
        }
    }

    /// The share of right diagnoses of each rater, and of all.
    fn accuracies(&self, cut: &Cut<'_>) -> (BTreeMap<String, Option<f64>>, Option<f64>) {
        let panel = &self.gold_panel;
        let mut per_rater = vec![AgreementCounts::default(); panel.raters.len()];
        let mut pooled = AgreementCounts::default();
        for image_idx in panel.records().image_idxs(cut.stratum) {
            let PanelImage { record, evaluations } = &panel.images[image_idx as usize];
            let Some(record) = record.filter(|record| !record.gold.is_empty()) else { continue };
            for (rater_idx, one) in evaluations {
                let is_right = record.gold.iter().any(|class| panel.names(one, class));
                per_rater[*rater_idx].add(true, is_right);
                pooled.add(true, is_right);
            }
        }
        let accuracies = per_rater.iter().map(AgreementCounts::accuracy);
        let raters = panel.raters.iter().map(|rater| rater.to_string());
        // Where nobody names a class, nobody is right or wrong.
        let per_rater = raters.zip(accuracies).filter(|_| !panel.images.is_empty());
        (per_rater.collect(), pooled.accuracy())
    }
}
