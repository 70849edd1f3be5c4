//! Writes a report with made-up numbers and pictures, to look at its design.
//!
//! `cargo run --release -p dermx-report --example demo -- FOLDER`

use dermx_eval::{
    ClassScores, Comparison, CountedConfusions, DiagnosisScores, Difference, EvalRecord,
    FaithfulnessScores, Lead, MapScores, MapTable, Paired, PairedTest, RandomizedScores,
    RelativeScores, Score, UNION,
};
use dermx_report::{
    Chosen, Citation, ComparisonPage, EpochPoint, GalleryItem, RaterOutline, ReportInput, Rgb,
    SeedInput, render, render_comparisons,
};
use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};
use serde_json::json;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

const CLASSES: [&str; 6] =
    ["Acne", "Actinic keratosis", "Psoriasis", "Seborrheic dermatitis", "Viral warts", "Vitiligo"];
const SIGNS: [(&str, usize, f64); 8] = [
    ("Closed comedo", 124, 0.06),
    ("Leukotrichia", 15, 0.02),
    ("Open comedo", 149, 0.05),
    ("Papule", 431, 0.08),
    ("Patch", 373, 0.21),
    ("Plaque", 673, 0.24),
    ("Scale", 614, 0.18),
    ("Union", 1444, 0.25),
];
const RATERS: [(&str, Rgb); 3] =
    [("derm1", [0, 229, 255]), ("derm2", [255, 64, 129]), ("derm3", [255, 214, 0])];
const SEEDS: [u64; 5] = [0, 1, 2, 3, 4];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: demo FOLDER")?;
    let page = ComparisonPage {
        title: "DEMO DATA: this network, the other network side by side".to_owned(),
        comparisons: vec![comparison()],
        pages: vec![("this network".to_owned(), "run/index.html".to_owned())],
    };
    write(&Path::new(&folder).join("run"), render(&demo())?.files)?;
    write(Path::new(&folder), render_comparisons(&page)?)?;
    println!("{folder}/index.html, {folder}/run/index.html");
    Ok(())
}

fn write(folder: &Path, files: Vec<(String, Vec<u8>)>) -> Result<(), Box<dyn Error>> {
    for (path, contents) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().ok_or("a file without a folder")?)?;
        std::fs::write(&path, contents)?;
    }
    Ok(())
}

fn demo() -> ReportInput {
    let facts = [
        ("Configuration", "demo data, nothing was trained"),
        ("Architecture", "EfficientNet-B4"),
        ("Image size", "300x400"),
        ("Seeds", "0, 1, 2, 3, 4"),
        ("Backend", "cpu"),
        ("Data set", "DEMO DATA (made up)"),
        ("Machine", "none"),
        ("Version", env!("CARGO_PKG_VERSION")),
        ("Date", "2000-01-01"),
    ];
    ReportInput {
        title: "DEMO DATA: made-up numbers and pictures".to_owned(),
        run_facts: facts.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        evaluation: record(&SEEDS),
        per_seed: SEEDS.map(seed).to_vec(),
        gallery: (0..12).map(gallery_item).collect(),
        gallery_choice: "12 of 525 photos that could be shown, with heat maps of the network of seed 0: 6 the first \
                         of each class in the order of their names, 2 with the highest F1 (mean over raters), 2 \
                         with the lowest, 2 drawn at random (seed 0). A photo may be there for several reasons."
            .to_owned(),
        color_scale: vec![[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]],
        citation: Some(Citation {
            name: "demo".to_owned(),
            certificates: SEEDS.map(|seed| (format!("seed {seed}"), hash(seed))).to_vec(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            dataset: ("demo".to_owned(), hash(17)),
        }),
        notes: vec!["Every number and picture of this page is made up.".to_owned()],
    }
}

/// Text like a hash.
fn hash(seed: u64) -> String {
    (0..4)
        .map(|part| format!("{:016x}", (seed + part + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect()
}

/// A number in [0, 1) that depends on its arguments in no particular way.
fn wobble(a: usize, b: usize) -> f64 {
    ((a * 7919 + b * 104_729 + 17) % 101) as f64 / 101.0
}

fn score(mean: f64, n: usize, seeds: &[u64]) -> Score {
    if let [seed] = seeds {
        let mean = mean + 0.04 * wobble(*seed as usize, n) - 0.02;
        return Score { mean: Some(mean), std: Some(0.2), n, ..Score::default() };
    }
    let of_seed = |seed: &u64| Some(mean + 0.04 * wobble(*seed as usize, n) - 0.02);
    let seeds: Vec<Option<f64>> = seeds.iter().map(of_seed).collect();
    Score {
        mean: Some(mean),
        std: Some(0.021),
        n: seeds.len(),
        undefined: 0,
        seeds,
        ..Score::default()
    }
}

fn lead(mean: f64) -> Lead {
    let interval = Some([mean - 0.02, mean + 0.02]);
    let difference = Difference { mean: Some(mean), interval, images: 120 };
    Lead { f1: difference.clone(), mass: difference }
}

fn record(seeds: &[u64]) -> EvalRecord {
    let class = |(idx, name): (usize, &&str)| {
        let f1 = score(0.45 + 0.3 * wobble(idx, 1), 1, seeds);
        let sensitivity = score(0.4 + 0.3 * wobble(idx, 2), 1, seeds);
        let specificity = score(0.9 + 0.06 * wobble(idx, 3), 1, seeds);
        ((*name).to_owned(), ClassScores { f1, sensitivity, specificity, ..ClassScores::default() })
    };
    EvalRecord {
        classes: CLASSES.map(str::to_owned).to_vec(),
        seeds: seeds.to_vec(),
        diagnosis: Some(DiagnosisScores {
            accuracy: score(0.596, 525, seeds),
            balanced_accuracy: score(0.581, 6, seeds),
            macro_f1: score(0.589, 6, seeds),
            classes: CLASSES.iter().enumerate().map(class).collect(),
            confusion_matrices: seeds.iter().map(|seed| matrix(*seed)).collect(),
            ..DiagnosisScores::default()
        }),
        explanation: maps(1.0, seeds),
        baselines: BTreeMap::from([
            ("random".to_owned(), maps(0.8, seeds)),
            ("centre_gaussian".to_owned(), maps(0.96, seeds)),
            ("uniform_ones".to_owned(), maps(0.9, seeds)),
        ]),
        ceiling: maps(2.6, &seeds[..1]),
        skill: SIGNS
            .iter()
            .map(|(name, n, f1)| ((*name).to_owned(), skill(*n, *f1, seeds)))
            .collect(),
        leads: BTreeMap::from([
            ("random".to_owned(), lead(0.05)),
            ("centre_gaussian".to_owned(), lead(0.01)),
            ("uniform_ones".to_owned(), lead(0.025)),
        ]),
        randomization: ["01-head", "02-layer4", "03-layer3"]
            .map(|stage| (stage.to_owned(), randomized(seeds)))
            .into(),
        faithfulness: ["network", "random", "centre_gaussian"]
            .map(|map| (map.to_owned(), faithfulness(map.len(), seeds)))
            .into(),
        comparisons: vec![comparison()],
        scoring: BTreeMap::from([
            ("bootstrap".to_owned(), json!({"num_resamples": 1000, "seed": 0})),
            ("class_exchange".to_owned(), json!(null)),
            ("num_images".to_owned(), json!(525)),
            ("num_images_without_mask".to_owned(), json!(3)),
            ("quantize".to_owned(), json!(true)),
            ("rows".to_owned(), json!("kept_images")),
            ("size".to_owned(), json!([300, 400])),
        ]),
        ..EvalRecord::default()
    }
}

/// Wider over fewer images.
fn skill(n: usize, f1: f64, seeds: &[u64]) -> RelativeScores {
    let mean = 0.6 * f1 - 0.04 + 0.1 * wobble(n, 3);
    let half = 0.9 / (n as f64).sqrt();
    let skill = Score { interval: Some([mean - half, mean + half]), ..score(mean, n, seeds) };
    RelativeScores { skill, images: n, ..RelativeScores::default() }
}

fn randomized(seeds: &[u64]) -> RandomizedScores {
    let union = maps(0.85, seeds).remove(UNION).unwrap_or_default();
    RandomizedScores { union, rank_correlation: score(0.1, 525, seeds) }
}

fn faithfulness(n: usize, seeds: &[u64]) -> FaithfulnessScores {
    FaithfulnessScores {
        deletion: score(0.3, n, seeds),
        insertion: score(0.6, n, seeds),
        road: score(0.1, n, seeds),
    }
}

fn comparison() -> Comparison {
    let paired = |(idx, (name, n, f1)): (usize, &(&str, usize, f64))| {
        let difference = 0.08 * wobble(idx, 9) - 0.03;
        let half = 0.4 / (*n as f64).sqrt();
        let paired = Paired {
            first: Some(*f1),
            second: Some(f1 - difference),
            difference: Some(difference),
            interval: Some([difference - half, difference + half]),
            images: *n,
            unpaired: 0,
            test: Some(PairedTest::SignedRank),
            effect: Some(3.0 * difference),
            p: Some(0.04 * wobble(idx, 2)),
            p_holm: Some(0.2 * wobble(idx, 2)),
        };
        ((*name).to_owned(), paired)
    };
    let f1: BTreeMap<String, Paired> = SIGNS.iter().enumerate().map(paired).collect();
    Comparison {
        sides: ["this network".to_owned(), "the other network".to_owned()],
        seeds: [5, 5],
        unit: "image".to_owned(),
        accuracy: f1.get("Papule").cloned(),
        f1,
    }
}

fn maps(gain: f64, seeds: &[u64]) -> MapTable {
    let signs = SIGNS.iter().map(|(name, n, f1)| {
        let mut scores = MapScores {
            f1: score(f1 * gain, *n, seeds),
            sensitivity: score(f1 * gain + 0.05, *n, seeds),
            specificity: score(0.82, *n, seeds),
            mass: score(f1 * gain * 1.2, *n, seeds),
            localization: BTreeMap::new(),
        };
        if *name == "Leukotrichia" && gain == 1.0 {
            scores.mass = Score {
                undefined: if seeds.len() > 1 { seeds.len() } else { 15 },
                ..Score::default()
            };
        }
        ((*name).to_owned(), scores)
    });
    signs.collect()
}

fn matrix(seed: u64) -> CountedConfusions {
    let seed_idx = seed as usize;
    let count = |gold: usize, predicted: usize| match gold == predicted {
        true => 40 + (30.0 * wobble(gold, seed_idx)) as u64,
        false => (14.0 * wobble(gold * 6 + predicted, seed_idx)) as u64 * u64::from(gold != 4),
    };
    CountedConfusions {
        seed: Some(seed),
        classes: CLASSES.map(str::to_owned).to_vec(),
        counts: (0..6).map(|gold| (0..6).map(|to| count(gold, to)).collect()).collect(),
    }
}

fn seed(seed: u64) -> SeedInput {
    let point = |epoch: usize| {
        let progress = epoch as f64 / 20.0;
        let jitter = 0.03 * wobble(epoch, seed as usize) + 0.035 * (4 - seed as usize) as f64;
        EpochPoint {
            epoch,
            train_loss: 2.4 / (0.6 + 3.0 * progress) + jitter,
            train_accuracy: 0.25 + 0.6 * progress * (1.6 - 0.6 * progress) + jitter,
            validation_loss: Some(2.1 / (0.7 + 2.0 * progress) + 3.0 * jitter),
            validation_accuracy: Some(0.25 + 0.5 * progress * (1.7 - 0.7 * progress) - jitter),
            learning_rate: 0.001,
        }
    };
    SeedInput { seed, curves: (1..=20).map(point).collect(), record: record(&[seed]) }
}

fn gallery_item(idx: usize) -> GalleryItem {
    let gold = CLASSES[idx % 6];
    let predicted = if idx % 4 == 3 { CLASSES[(idx + 1) % 6] } else { gold };
    let (x, y) = (120.0 + 160.0 * wobble(idx, 4), 90.0 + 120.0 * wobble(idx, 5));
    let blob = move |col: f64, row: f64, shift: f64, radius: f64| {
        let distance = (col - x - shift).powi(2) + (row - y).powi(2);
        (1.0 - distance / (radius * radius)).max(0.0)
    };
    let skin = move |col: f64, row: f64| {
        let lesion = 70.0 * blob(col, row, 0.0, 60.0);
        [225.0 - 0.3 * lesion, 180.0 - lesion, 160.0 - 0.9 * lesion - 0.05 * row]
    };
    GalleryItem {
        image_id: format!("demo_{idx:03}"),
        gold: gold.to_owned(),
        seed: Some(0),
        predicted: Some(predicted.to_owned()),
        probability: Some(0.5 + 0.49 * wobble(idx, 6)),
        explained: Some(gold.to_owned()),
        explained_probability: Some(0.4 + 0.5 * wobble(idx, 6)),
        chosen: match idx {
            0..6 => vec![Chosen::First],
            6 | 7 => vec![Chosen::Best],
            8 | 9 => vec![Chosen::Worst, Chosen::Random],
            _ => vec![Chosen::Random],
        },
        raters: RATERS
            .map(|(rater, color)| RaterOutline { rater: rater.to_owned(), color })
            .to_vec(),
        union_f1: (idx != 5).then(|| 0.5 * wobble(idx, 7)),
        union_mass: (idx != 5).then(|| 0.6 * wobble(idx, 8)),
        photo_jpeg: jpeg(skin),
        mask_overlay_jpeg: Some(jpeg(|col, row| {
            let rim = |place: usize| {
                let value = blob(col, row, 6.0 * place as f64, 50.0 + 9.0 * place as f64);
                (0.0..0.06).contains(&value) && value > 0.0
            };
            let rater = (0..RATERS.len()).find(|place| rim(*place));
            rater.map_or(skin(col, row), |place| RATERS[place].1.map(f64::from))
        })),
        agreement: Some(0.5),
        other_heatmaps: Vec::new(),
        heatmap_overlay_jpeg: jpeg(|col, row| {
            let heat = blob(col, row, 30.0, 110.0);
            mix(skin(col, row), [255.0, 220.0 - 160.0 * heat, 0.0], 0.75 * heat)
        }),
    }
}

fn mix(below: [f64; 3], above: [f64; 3], share: f64) -> [f64; 3] {
    std::array::from_fn(|idx| below[idx] * (1.0 - share) + above[idx] * share)
}

/// A 300x400 picture with a striped edge that marks it as made up.
fn jpeg(color: impl Fn(f64, f64) -> [f64; 3]) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(300 * 400 * 3);
    for row in 0..300_u32 {
        for col in 0..400_u32 {
            let is_edge = !(12..288).contains(&row);
            let stripe = if (row + col) / 12 % 2 == 0 { [40.0; 3] } else { [250.0, 220.0, 60.0] };
            let rgb = if is_edge { stripe } else { color(f64::from(col), f64::from(row)) };
            pixels.extend(rgb.map(|value| value as u8));
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 80);
    encoder.encode(&pixels, 400, 300, ExtendedColorType::Rgb8).expect("a picture in memory");
    bytes
}
