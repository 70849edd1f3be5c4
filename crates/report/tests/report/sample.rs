//! A small report whose numbers are easy to check by eye.

use dermx_eval::{
    Calibrated, Certainty, ClassScores, Collapse, Comparison, ComplexityMeans, CountedConfusions,
    DiagnosisScores, Difference, EvalRecord, F1Regression, Lead, MapScores, MapTable, OutlineMeans,
    Paired, PairedTest, PartRecord, PartRow, RelativeScores, RobustnessScores, Score, ScoredMap,
    SeedAgreement, TopProbability, UNION, f1_regression, reliability_bins,
};
use dermx_report::{
    Chosen, Citation, EpochPoint, GalleryItem, RaterOutline, ReportInput, SeedInput,
};
use std::collections::BTreeMap;

/// The two bytes that a JPEG file starts with, and the two that end it.
pub const JPEG: [u8; 4] = [0xff, 0xd8, 0xff, 0xd9];

/// Two seeds, two classes, two rows of explanations, one picture.
pub fn sample() -> ReportInput {
    ReportInput {
        title: "A small report".to_owned(),
        run_facts: vec![("Architecture".to_owned(), "EfficientNet-B4".to_owned())],
        evaluation: over_seeds(),
        per_seed: vec![seed(3), seed(4)],
        gallery: vec![GalleryItem {
            image_id: "acne_1".to_owned(),
            gold: "acne".to_owned(),
            seed: Some(3),
            predicted: Some("viral_warts".to_owned()),
            probability: Some(0.75),
            explained: Some("acne".to_owned()),
            explained_probability: Some(0.2),
            chosen: vec![Chosen::First, Chosen::Worst],
            raters: ["ann", "bob", "eve"]
                .map(|rater| RaterOutline { rater: rater.to_owned(), color: [0, 229, 255] })
                .to_vec(),
            union_f1: Some(0.31),
            union_mass: None,
            photo_jpeg: JPEG.to_vec(),
            mask_overlay_jpeg: Some(JPEG.to_vec()),
            heatmap_overlay_jpeg: JPEG.to_vec(),
            agreement: Some(0.5),
            other_heatmaps: vec![("<b>|other".to_owned(), JPEG.to_vec())],
        }],
        gallery_choice: "One photo of one that could be shown.".to_owned(),
        color_scale: vec![[0, 0, 4], [252, 255, 164]],
        citation: Some(Citation {
            name: "small".to_owned(),
            certificates: vec![("seed 3".to_owned(), "5dff07b8".to_owned())],
            version: "0.2.0".to_owned(),
            dataset: ("photos".to_owned(), "ab12cd34".to_owned()),
        }),
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
        ranking: Some([f1, f1 - 0.1, 0.5, 0.75].map(&score).into()),
        auroc_delong: Some([f1 - 0.2, 1.0]),
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
        localization: BTreeMap::new(),
    };
    BTreeMap::from([("Plaque".to_owned(), scores(plaque)), (UNION.to_owned(), scores(union))])
}

/// The table with an area under the curve in every row.
fn with_auc(mut table: MapTable, auc: Score) -> MapTable {
    for scores in table.values_mut() {
        scores.localization.insert("auc".to_owned(), auc.clone());
    }
    table
}

fn parts(score: impl Fn(f64) -> Score) -> BTreeMap<String, BTreeMap<String, PartRecord>> {
    let union =
        |scores| BTreeMap::from([(UNION.to_owned(), PartRow { scores, ..PartRow::default() })]);
    let light = maps(0.2, 0.26, &score).remove(UNION);
    let part = |images, scores: Option<MapScores>| PartRecord {
        images,
        accuracy: scores.as_ref().map(|_| score(0.6)),
        explanation: union(scores),
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

fn diagnosis(seeds: &[u64], score: impl Fn(f64) -> Score + Copy) -> DiagnosisScores {
    let matrix = |&seed: &u64| CountedConfusions {
        seed: Some(seed),
        classes: vec!["acne".to_owned(), "viral_warts".to_owned()],
        counts: vec![vec![1, 1], vec![0, 2]],
    };
    let top = [(0.95, true), (0.9, false), (0.55, true)]
        .map(|(probability, is_right)| TopProbability { probability, is_right });
    DiagnosisScores {
        accuracy: score(0.75),
        balanced_accuracy: score(0.75),
        macro_f1: score(0.733),
        ranking: Some([0.9, 0.8, 0.5, 0.75].map(score).into()),
        ece: Some(score(0.12)),
        reliability: reliability_bins(&[&top]),
        certainty: Some(certainty(score)),
        classes: classes(score),
        confusion_matrices: seeds.iter().map(matrix).collect(),
        ..DiagnosisScores::default()
    }
}

fn certainty(score: impl Fn(f64) -> Score) -> Certainty {
    Certainty {
        micro: [0.85, 0.7, 0.5, 0.75].map(&score).into(),
        brier: score(0.4),
        nll: score(0.9),
        calibrated: Some(Calibrated {
            temperature: score(1.5),
            nll: score(0.8),
            brier: score(0.35),
            ece: score(0.06),
        }),
    }
}

/// The more parts, the lower the score; confidence does not vary.
fn regression() -> Option<F1Regression> {
    let map = |parts: u8| ScoredMap {
        f1: Some(0.75 - 0.125 * f64::from(parts) + if parts == 2 { 0.05 } else { 0.0 }),
        outlines: OutlineMeans { num_parts: Some(f64::from(parts)), ..OutlineMeans::default() },
        confidence: Some(0.75),
        ..ScoredMap::default()
    };
    f1_regression(&[1, 2, 3, 4].map(map))
}

fn robust(score: impl Fn(f64) -> Score) -> RobustnessScores {
    RobustnessScores {
        max_sensitivity: score(0.25),
        avg_sensitivity: score(0.125),
        local_lipschitz: score(0.03125),
        infidelity: score(0.015625),
    }
}

fn record(seeds: &[u64], score: impl Fn(f64) -> Score + Copy) -> EvalRecord {
    EvalRecord {
        classes: vec!["acne".to_owned(), "viral_warts".to_owned()],
        seeds: seeds.to_vec(),
        diagnosis: Some(diagnosis(seeds, score)),
        explanation: with_auc(maps(0.24, 0.251, score), score(0.7)),
        baselines: BTreeMap::from([
            ("random".to_owned(), with_auc(maps(0.19, 0.202, score), score(0.5))),
            ("centre_gaussian".to_owned(), maps(0.26, 0.24, score)),
        ]),
        leads: BTreeMap::from([
            ("random".to_owned(), lead([0.049, 0.02, 0.08], [0.049, 0.02, 0.08])),
            ("centre_gaussian".to_owned(), lead([0.011, 0.001, 0.02], [0.011, -0.01, 0.03])),
        ]),
        ceiling: with_auc(maps(0.6, 0.67, score), score(0.8)),
        by: parts(score),
        complexity: Some(ComplexityMeans {
            sparseness: score(0.45),
            complexity: score(11.25),
            effective_complexity: score(90_000.0),
        }),
        regression: regression(),
        robustness: BTreeMap::from([("network".to_owned(), robust(score))]),
        skill: BTreeMap::from([(
            UNION.to_owned(),
            RelativeScores { skill: score(0.03), images: 9, ..RelativeScores::default() },
        )]),
        scoring: BTreeMap::from([
            ("bootstrap".to_owned(), serde_json::json!({"num_resamples": 1000, "seed": 0})),
            ("class_exchange".to_owned(), serde_json::Value::Null),
            ("rows".to_owned(), "kept_images".into()),
        ]),
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
    let score = |mean| over(mean, 0.02);
    let diagnosis = DiagnosisScores {
        accuracy,
        collapsed: Some(BTreeMap::from([(4, signs)])),
        seed_agreement: Some(agreement),
        ..diagnosis(&[3, 4], score)
    };
    EvalRecord {
        diagnosis: Some(diagnosis),
        comparisons: vec![comparison()],
        ..record(&[3, 4], score)
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
    let score = |mean| of_rows(mean, 12);
    let diagnosis = DiagnosisScores { accuracy: of_rows(0.75, 4), ..diagnosis(&[seed], score) };
    let record = EvalRecord { diagnosis: Some(diagnosis), ..record(&[seed], score) };
    SeedInput { seed, curves: vec![first, second], record }
}
