//! Every table that the annotations alone give.

use crate::chance::{ChanceCorrectedRow, ChanceEvidence, ClassEvidence, DIAGNOSIS};
use crate::choices::{AgreementChoices, Overrides, Table};
use crate::outlines::OutlineEvidence;
use crate::panel::{Panel, PanelImage};
use crate::resamples::Bootstrap;
use crate::strata::Attribute;
use crate::table::{Cut, Rows, TableEvidence};
use dermx_data::ontology::{
    ADDITIONAL_TERMS, BASIC_TERMS, DIAGNOSES, LATER_TERMS, NON_LOCALISABLE,
};
use dermx_data::{
    Counts, DataError, DermxDataset, Evaluation, ImageScope, Rounds, describe, images_by_source,
};
use dermx_eval::AgreementCounts;
use serde::Serialize;
use std::collections::BTreeMap;

/// What to compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Choices other than the study's.
    pub overrides: Overrides,
    /// Columns of the metadata to split the images by, for tables of each part.
    pub by: Vec<Attribute>,
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
    /// The raters, sorted.
    pub raters: Vec<String>,
    /// Evaluations and images by cohort.
    pub counts: Counts,
    /// Labels that the ontology does not have, with their uses: no table counts them.
    pub unknown_labels: BTreeMap<String, usize>,
    /// Images with an evaluation that takes part, by source and gold diagnosis.
    pub table_1: BTreeMap<String, BTreeMap<String, usize>>,
    /// The DermX row of Table 4: the column sums of Table 1.
    pub table_4_dermx: BTreeMap<String, usize>,
    /// Images by skin tone, over the metadata.
    pub skin_tone: BTreeMap<String, usize>,
    /// Images by age, over the metadata.
    pub age: BTreeMap<String, usize>,
    /// Images by gold diagnosis, over the metadata.
    pub metadata_images_per_class: BTreeMap<String, usize>,
    /// The tables over all images.
    #[serde(flatten)]
    pub agreement: AgreementTables,
    /// The tables of each part of the images, by column and value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by: BTreeMap<Attribute, BTreeMap<String, AgreementTables>>,
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
    /// The images with an evaluation that Table 3a counts.
    pub num_images: usize,
    /// Raters against the gold standard; the unit is the rater.
    pub table_2a: Rows,
    /// Accuracy of each rater, over the evaluations of Table 2a.
    pub accuracy_per_rater: BTreeMap<String, Option<f64>>,
    /// Accuracy over all those evaluations.
    pub accuracy_pooled: Option<f64>,
    /// Raters against each other, diagnosis; the unit is the pair of raters.
    pub table_2b: Rows,
    /// Raters against each other, presence of characteristics (also appendix Table 1); the unit is
    /// the pair of raters.
    pub table_3a: Rows,
    /// Raters against each other, outlines of characteristics; the unit is the pair of raters in an
    /// image.
    pub table_3b: Rows,
    /// Agreement beyond chance on the diagnosis ([`DIAGNOSIS`]) and on the presence of each
    /// characteristic, over the evaluations of Tables 2b and 3a; not in the paper.
    pub chance_corrected: Rows<ChanceCorrectedRow>,
    /// Each rater against the majority of the others; not in the paper.
    pub leave_one_rater_out: LeaveOneOut,
}

/// Each rater against the majority of the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeaveOneOut {
    /// Diagnosis, over the evaluations of Table 2b; the unit is the rater.
    pub diagnosis: Rows,
    /// Presence of characteristics, over the evaluations of Table 3a; the unit is the rater.
    pub presence: Rows,
    /// Outlines, over the evaluations of Table 3b, against the pixels that more than half of the
    /// others outlined; the unit is the rater in an image.
    pub outlines: Rows,
}

/// Outlines of all evaluations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MaskCounts {
    /// Outlined instances with a mask file; 0 where masks come from outlines alone.
    pub files_linked: usize,
    /// Outlined (evaluation, characteristic) pairs.
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
    pub fn new(dataset: &DermxDataset, options: &Options) -> Result<Self, DataError> {
        let choices = |table: Table| options.overrides.choices(table);
        let evidence = Evidence::new(dataset, &options.overrides)?;
        let mut by: BTreeMap<Attribute, BTreeMap<String, AgreementTables>> = BTreeMap::new();
        for stratum in options.by.iter().flat_map(|attribute| attribute.strata(dataset)) {
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
        let (table_1, table_4_dermx) = images_by_source(dataset, &images);
        Ok(Self {
            scope: dataset.selection().images,
            rounds: dataset.selection().rounds,
            files_skipped: dataset.num_left_out(),
            masks: MaskCounts::of(dataset),
            raters: description.raters,
            counts: description.counts,
            unknown_labels: ontology.remove("unknown").unwrap_or_default(),
            table_1,
            table_4_dermx,
            skin_tone: description.skin_tone,
            age: description.age,
            metadata_images_per_class: description.metadata_images_per_class,
            agreement: evidence.tables(&whole),
            by,
            choices: [
                ("table_1", choices(Table::Images)),
                ("table_2a", choices(Table::Gold)),
                ("table_2b", choices(Table::Diagnosis)),
                ("table_3a", choices(Table::Presence)),
                ("table_3b", choices(Table::Outlines)),
            ]
            .into(),
            bootstrap: options.bootstrap,
            min_images: options.min_images,
        })
    }
}

impl MaskCounts {
    fn of(dataset: &DermxDataset) -> Self {
        let evaluations = dataset.evaluations();
        let num_instances = evaluations.iter().map(|one| one.instances.len()).sum();
        Self {
            files_linked: if dataset.has_mask_files() { num_instances } else { 0 },
            eval_class_masks: evaluations.iter().map(|one| one.characteristics().len()).sum(),
            size_mismatches_in_table_3b: 0,
        }
    }
}

/// Characteristics in the order of appendix Table 1, then those of later releases.
pub fn characteristics() -> Vec<&'static str> {
    [&NON_LOCALISABLE[..], &localisable()].concat()
}

/// Localisable characteristics in the order of Table 3b, then those of later releases.
pub fn localisable() -> Vec<&'static str> {
    [&BASIC_TERMS[..], &ADDITIONAL_TERMS, &LATER_TERMS].concat()
}

/// Those of `labels` that the study had, or that `dataset` uses.
fn in_use(labels: Vec<&'static str>, dataset: &DermxDataset) -> Vec<&'static str> {
    let uses = |label: &str| dataset.evaluations().iter().any(|one| one.has(label));
    labels.into_iter().filter(|label| !LATER_TERMS.contains(label) || uses(label)).collect()
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
    fn new(dataset: &'a DermxDataset, overrides: &Overrides) -> Result<Self, DataError> {
        let [characteristics, localisable] =
            [characteristics(), localisable()].map(|labels| in_use(labels, dataset));
        let table = |table: Table| {
            let choices = overrides.choices(table);
            (Panel::new(dataset, &choices), choices)
        };
        let (gold_panel, gold) = table(Table::Gold);
        let (panel, diagnosis) = table(Table::Diagnosis);
        let names = |one: &Evaluation, label: &str| panel.names(one, label);
        let (presence_panel, presence) = table(Table::Presence);
        let (outline_panel, outlines) = table(Table::Outlines);
        let class = |one: &Evaluation| DIAGNOSES.iter().position(|label| names(one, label));
        let classes = ClassEvidence::of_classes(&panel, DIAGNOSIS, DIAGNOSES.len(), class);
        let present = |label: &&'static str| {
            ClassEvidence::of_presence(&presence_panel, label, |one| one.has(label))
        };
        let present = characteristics.iter().map(present).collect();
        let has = Evaluation::has;
        Ok(Self {
            gold: TableEvidence::of_gold(&gold_panel, gold, &DIAGNOSES),
            diagnosis: TableEvidence::of_pairs(&panel, diagnosis, &DIAGNOSES, names),
            presence: TableEvidence::of_pairs(&presence_panel, presence, &characteristics, has),
            outlines: OutlineEvidence::new(dataset, &outline_panel, outlines, &localisable)?,
            chance: [
                ChanceEvidence { records: panel.records(), rows: vec![classes] },
                ChanceEvidence { records: presence_panel.records(), rows: present },
            ],
            diagnosis_left_out: TableEvidence::of_leave_one_out(
                &panel, diagnosis, &DIAGNOSES, names,
            ),
            presence_left_out: TableEvidence::of_leave_one_out(
                &presence_panel,
                presence,
                &characteristics,
                has,
            ),
            gold_panel,
        })
    }

    fn tables(&self, cut: &Cut<'_>) -> AgreementTables {
        let (accuracy_per_rater, accuracy_pooled) = self.accuracies(cut);
        AgreementTables {
            num_images: self.presence.records.image_idxs(cut.stratum).len(),
            table_2a: self.gold.rows(cut),
            accuracy_per_rater,
            accuracy_pooled,
            table_2b: self.diagnosis.rows(cut),
            table_3a: self.presence.rows(cut),
            table_3b: self.outlines.pairs.rows(cut),
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
            let Some(record) = record else { continue };
            for (rater_idx, one) in evaluations {
                let is_right = panel.names(one, &record.diagnosis);
                per_rater[*rater_idx].add(true, is_right);
                pooled.add(true, is_right);
            }
        }
        let accuracies = per_rater.iter().map(AgreementCounts::accuracy);
        let raters = panel.raters.iter().map(|rater| rater.to_string());
        (raters.zip(accuracies).collect(), pooled.accuracy())
    }
}
