//! A small report whose numbers are easy to check by eye.

use dermx_eval::{
    ClassScores, Collapse, Comparison, Difference, EvalRecord, Lead, LocalizationTable, MapScores,
    MapTable, Paired, PairedTest, PartRecord, PartRow, RelativeScores, Score, SeedAgreement, UNION,
};
use dermx_report::{EpochPoint, GalleryItem, ReportInput, SeedInput};
use std::collections::BTreeMap;

/// The two bytes that a JPEG file starts with, and the two that end it.
pub const JPEG: [u8; 4] = [0xff, 0xd8, 0xff, 0xd9];

/// Two seeds, two classes, two rows of Table 6, one picture.
pub fn sample() -> ReportInput {
    ReportInput {
        title: "A small report".to_owned(),
        run_facts: vec![("Architecture".to_owned(), "EfficientNet-B4".to_owned())],
        evaluation: over_seeds(),
        per_seed: vec![seed(3), seed(4)],
        gallery: vec![GalleryItem {
            image_id: "acne_1".to_owned(),
            gold: "acne".to_owned(),
            seed: 3,
            predicted: Some("viral_warts".to_owned()),
            probability: Some(0.75),
            num_raters: 3,
            union_f1: Some(0.31),
            union_mass: None,
            photo_jpeg: JPEG.to_vec(),
            mask_overlay_jpeg: JPEG.to_vec(),
            heatmap_overlay_jpeg: JPEG.to_vec(),
            agreement: Some(0.5),
            other_heatmaps: vec![("<b>|other".to_owned(), JPEG.to_vec())],
        }],
        notes: vec!["One limit.".to_owned()],
    }
}

fn over(mean: f64, std: f64) -> Score {
    let seeds = vec![Some(mean - std), Some(mean + std)];
    Score { mean: Some(mean), std: Some(std), n: 2, seeds, ..Score::default() }
}

fn of_rows(mean: f64, n: usize) -> Score {
    Score { mean: Some(mean), std: Some(0.3), n, ..Score::default() }
}

fn classes(score: impl Fn(f64) -> Score) -> BTreeMap<String, ClassScores> {
    let scores = |f1, sensitivity, specificity| ClassScores {
        f1: score(f1),
        sensitivity: score(sensitivity),
        specificity: score(specificity),
    };
    BTreeMap::from([
        ("acne".to_owned(), scores(0.667, 0.5, 1.0)),
        ("viral_warts".to_owned(), scores(0.8, 1.0, 0.5)),
    ])
}

fn maps(plaque: f64, union: f64, score: impl Fn(f64) -> Score) -> MapTable {
    let scores = |f1: f64| MapScores {
        f1: score(f1),
        sensitivity: score(f1 + 0.1),
        specificity: score(0.8),
        mass: score(f1 + 0.05),
    };
    BTreeMap::from([("Plaque".to_owned(), scores(plaque)), (UNION.to_owned(), scores(union))])
}

fn localization(auc: f64, score: impl Fn(f64) -> Score) -> LocalizationTable {
    let scores = BTreeMap::from([("auc".to_owned(), score(auc))]);
    BTreeMap::from([("Plaque".to_owned(), scores.clone()), (UNION.to_owned(), scores)])
}

fn parts(score: impl Fn(f64) -> Score) -> BTreeMap<String, BTreeMap<String, PartRecord>> {
    let union =
        |scores| BTreeMap::from([(UNION.to_owned(), PartRow { scores, ..PartRow::default() })]);
    let light = maps(0.2, 0.26, &score).remove(UNION);
    let part = |images, scores: Option<MapScores>| PartRecord {
        images,
        accuracy: scores.as_ref().map(|_| score(0.6)),
        table_6: union(scores),
    };
    let tones = [("light".to_owned(), part(30, light)), ("dark".to_owned(), part(4, None))];
    BTreeMap::from([("skin_tone".to_owned(), tones.into())])
}

/// Mean, low and high of F1 and of mass.
fn lead(f1: [f64; 3], mass: [f64; 3]) -> Lead {
    let of = |[mean, low, high]: [f64; 3]| Difference {
        mean: Some(mean),
        interval: Some([low, high]),
        images: 12,
    };
    Lead { f1: of(f1), mass: of(mass) }
}

fn comparison() -> Comparison {
    let paired = Paired {
        first: Some(0.3),
        second: Some(0.25),
        difference: Some(0.05),
        interval: Some([0.01, 0.09]),
        images: 12,
        unpaired: 0,
        test: Some(PairedTest::SignedRank),
        effect: Some(0.4),
        p: Some(0.0004),
        p_holm: Some(0.012),
    };
    Comparison {
        sides: ["this|run".to_owned(), "other".to_owned()],
        seeds: [2, 2],
        unit: "image".to_owned(),
        f1: BTreeMap::from([(UNION.to_owned(), paired.clone())]),
        accuracy: Some(Paired { p: None, p_holm: None, effect: None, ..paired }),
    }
}

fn record(seeds: &[u64], score: impl Fn(f64) -> Score + Copy) -> EvalRecord {
    EvalRecord {
        classes: vec!["acne".to_owned(), "viral_warts".to_owned()],
        seeds: seeds.to_vec(),
        macro_f1: Some(score(0.733)),
        table_5: classes(score),
        table_6: maps(0.24, 0.251, score),
        baselines: BTreeMap::from([
            ("random".to_owned(), maps(0.19, 0.202, score)),
            ("centre_gaussian".to_owned(), maps(0.26, 0.24, score)),
        ]),
        leads: BTreeMap::from([
            ("random".to_owned(), lead([0.049, 0.02, 0.08], [0.049, 0.02, 0.08])),
            ("centre_gaussian".to_owned(), lead([0.011, 0.001, 0.02], [0.011, -0.01, 0.03])),
        ]),
        ceiling: maps(0.6, 0.67, score),
        localization: localization(0.7, score),
        localization_baselines: BTreeMap::from([("random".to_owned(), localization(0.5, score))]),
        localization_ceiling: localization(0.8, score),
        by: parts(score),
        relative: BTreeMap::from([(
            UNION.to_owned(),
            RelativeScores { skill: score(0.03), ..RelativeScores::default() },
        )]),
        confusion_matrices: vec![vec![vec![1, 1], vec![0, 2]]; seeds.len()],
        scoring: BTreeMap::from([("grid".to_owned(), "300x400".into())]),
        ..EvalRecord::default()
    }
}

fn over_seeds() -> EvalRecord {
    let accuracy =
        Score { population_std: Some(0.088), interval: Some([0.5, 0.7]), ..over(0.5962, 0.125) };
    let signs = vec![
        Collapse::FewClasses { predicted: 1.0, gold: 2.0 },
        Collapse::Chance { accuracy: 0.5, by_chance: 0.5, p_value: 0.6875 },
    ];
    let agreement = SeedAgreement {
        num_images: 4,
        unanimous: Some(0.75),
        unanimous_interval: Some([0.3, 0.95]),
        fleiss_kappa: None,
    };
    EvalRecord {
        accuracy: Some(accuracy),
        comparisons: vec![comparison()],
        collapsed: Some(BTreeMap::from([(4, signs)])),
        seed_agreement: Some(agreement),
        ..record(&[3, 4], |mean| over(mean, 0.02))
    }
}

fn seed(seed: u64) -> SeedInput {
    let first = EpochPoint {
        epoch: 1,
        train_loss: 2.0,
        train_accuracy: 0.25,
        validation_loss: None,
        validation_accuracy: None,
        learning_rate: 0.01,
    };
    let second = EpochPoint {
        epoch: 2,
        train_loss: 1.5,
        train_accuracy: 0.5,
        validation_loss: Some(1.75),
        validation_accuracy: Some(0.4),
        learning_rate: 0.001,
    };
    let accuracy = Some(of_rows(0.75, 4));
    let record = EvalRecord { accuracy, ..record(&[seed], |mean| of_rows(mean, 12)) };
    SeedInput { seed, curves: vec![first, second], record }
}
