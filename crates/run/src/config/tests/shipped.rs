//! The configurations that come with the program say what they said when each named every key.

use crate::config::write::complete_table;
use crate::config::{BenchConfig, Config, MOVED, SearchConfig};
use burn::tensor::Device;
use dermx_gradcam::Settings;
use dermx_model::{Head, set_trainable};
use dermx_search::SamplerName;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// `file`, key and value (JSON) of every key of the files before there were defaults and bases.
const BEFORE: &str = include_str!("before.tsv");

/// Keys that a file left out then, with what it meant.
fn meanings_of_absence() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("run.checkpoint_every", json!("none")),
        ("data.decoded_cache", json!("none")),
        ("data.patients", json!("none")),
        ("split.method", json!("none")),
        ("evaluate.unmarked", json!("left_out")),
        ("synthetic", json!("none")),
        ("model.batch_norm_epsilon", json!("auto")),
        ("model.weights_prefix", json!("none")),
        ("augment.brightness", json!("none")),
        ("augment.translation", json!(0.0)),
        ("augment.color_jitter", json!("none")),
        ("augment.rand_augment", json!("none")),
        ("train.last_batch", json!("auto")),
        ("train.accumulation_steps", json!(1)),
        ("train.sampling", json!("shuffle")),
        ("train.objective.name", json!("cross_entropy")),
        ("train.objective.focal_gamma", json!(0.0)),
        ("train.optimizer.weight_decay", json!(0.0)),
        ("train.decay_norms_and_biases", json!(true)),
        ("train.layer_decay", json!(1.0)),
        ("train.rate_factors", json!({})),
        ("train.decay_factors", json!({})),
        ("train.warmup_epochs", json!(0)),
        ("train.clip_norm", json!("none")),
        ("train.max_skipped_steps", json!(0)),
        ("train.ema_decay", json!("none")),
        ("train.swa_start", json!("none")),
        ("train.class_weight_cap", json!("none")),
        ("train.label_smoothing", json!(0.0)),
        ("train.precision", json!("f32")),
        ("train.mixup_alpha", json!("none")),
        ("train.cutmix_alpha", json!("none")),
        ("train.monitor", json!("none")),
        ("train.select", json!("last")),
        ("early_stopping", json!("none")),
        ("evaluate.raters", json!([])),
        ("evaluate.rows", json!("kept_images")),
        ("evaluate.average", json!("mean")),
        ("evaluate.by", json!([])),
        ("study.class_exchange", json!("none")),
        ("study.explain_input", json!("network")),
        ("study.union_rows", json!("auto")),
        ("study.union_average", json!("rows")),
        ("slurm", json!("none")),
    ])
}

/// Keys and values of `file` then, under their names of today.
fn before(file: &str) -> BTreeMap<String, Value> {
    let choices = ["train.optimizer", "train.schedule", "explain.method"];
    let lines = BEFORE.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let of_file = lines.filter(|cells| cells[0] == file);
    of_file
        .map(|cells| {
            let moved = MOVED.iter().find(|(before, _)| *before == cells[1]);
            let name = match moved {
                Some((_, now)) => (*now).to_string(),
                None if choices.contains(&cells[1]) => format!("{}.name", cells[1]),
                None => cells[1].to_string(),
            };
            (name, serde_json::from_str(cells[2]).unwrap())
        })
        .collect()
}

/// Keys and values today.
fn now(config: &Config) -> BTreeMap<String, Value> {
    fn add(keys: &mut BTreeMap<String, Value>, prefix: &str, table: &toml::Table) {
        for (key, value) in table {
            match value {
                toml::Value::Table(table) => add(keys, &format!("{prefix}{key}."), table),
                value => drop(keys.insert(format!("{prefix}{key}"), json!(value))),
            }
        }
    }
    let mut keys = BTreeMap::new();
    add(&mut keys, "", &complete_table(&Config::nodes(), config).unwrap());
    keys
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        _ => one == other,
    }
}

#[test]
fn shipped_configurations_have_the_values_that_they_had() {
    for file in [
        "quickstart.toml",
        "resnet50.toml",
        "efficientnet-b4.toml",
        "as-published/resnet50.toml",
        "as-published/efficientnet-b4.toml",
    ] {
        let (before, now) = (before(file), now(&Config::load(file, &[]).unwrap()));
        assert!(before.len() > 55, "{file}: {}", before.len());
        let absent = meanings_of_absence();
        let settings = Settings::default();
        let of_others = BTreeMap::from([
            ("explain.method.num_steps", settings.num_steps),
            ("explain.method.num_samples", settings.num_samples),
            ("explain.method.noise_percent", settings.noise_percent),
            ("explain.method.patch_px", settings.patch_px),
            ("explain.method.stride_px", settings.stride_px),
        ]);
        for (key, value) in &before {
            match (now.get(key), of_others.get(key.as_str())) {
                (Some(found), _) => {
                    assert!(is_same(found, value), "{file}, {key}: {found} {value}")
                }
                // Methods that are not chosen have their usual settings.
                (None, Some(usual)) => assert_eq!(value, &json!(usual), "{file}, {key}"),
                (None, None) => panic!("{file}: {key} is gone"),
            }
        }
        let new: BTreeSet<&String> = now.keys().filter(|key| !before.contains_key(*key)).collect();
        for key in new {
            let expected = absent.get(key.as_str());
            assert!(expected.is_some_and(|value| is_same(value, &now[key])), "{file}, {key}");
        }
    }
}

#[test]
fn shipped_searches_have_the_values_that_they_had() {
    for file in ["search-resnet50.toml", "search-efficientnet-b4.toml"] {
        let search = SearchConfig::load(file).unwrap();
        let base = now(&search.checked_base().unwrap());
        for (key, value) in before(file) {
            if let Some(key) = key.strip_prefix("search.set.") {
                assert!(is_same(&base[key], &value), "{file}, {key}: {} {value}", base[key]);
            } else if let Some(key) = key.strip_prefix("search.space.") {
                let space = serde_json::to_value(&search.space).unwrap();
                assert!(is_same(&space[key], &value), "{file}, {key}: {} {value}", space[key]);
            } else {
                let found = match key.as_str() {
                    "search.base" => json!(search.base),
                    "search.sampler" => json!(search.sampler),
                    "search.objective" => json!(search.objective),
                    "search.sampler.seed" => json!(search.seed),
                    "search.pruner" => json!(search.pruner.map_or("none", |_| "median")),
                    other => panic!("{file}: {other} is gone"),
                };
                assert_eq!(found, value, "{file}, {key}");
            }
        }
        assert_eq!((search.sampler, search.max_trials), (SamplerName::Grid, None));
    }
}

#[test]
fn the_shipped_comparison_has_the_values_that_it_had() {
    let BenchConfig { backends, architecture, size, batch_size, steps } =
        BenchConfig::load("compare-backends.toml").unwrap();
    let backends: Vec<&str> = backends.iter().map(|backend| backend.kind.name()).collect();
    for (key, value) in before("compare-backends.toml") {
        let found = match key.as_str() {
            "bench.backends" => json!(backends),
            "bench.architecture" => json!(architecture),
            "bench.size" => json!(size),
            "bench.batch_size" => json!(batch_size),
            "bench.steps" => json!(steps),
            other => panic!("{other} is gone"),
        };
        assert_eq!(found, value, "{key}");
    }
}

/// A recipe of the benchmark of 2023: file, network, standardization, head, rotation, shear, zoom, brightness, rate.
type Recipe = (&'static str, &'static str, &'static str, Head, [f64; 3], [f64; 2], f64);

/// The table of the benchmark's code (`review_paper/{train,finetune,utils,hpo}.py`).
const BENCHMARK: [Recipe; 11] = {
    use Head::{Flatten, Gap, GapBn};
    [
        ("xception", "xception", "keras-tf", Gap, [10.0, 0.25, 0.5], [0.5, 1.5], 1e-3),
        ("nasnet-mobile", "nasnet_mobile", "keras-tf", Gap, [20.0, 0.25, 0.5], [0.5, 1.0], 1e-4),
        ("inception-v3", "inception_v3", "keras-tf", Gap, [20.0, 0.5, 0.5], [0.5, 1.5], 1e-3),
        (
            "efficientnet-b0",
            "efficientnet_b0",
            "keras-tf23-efficientnet",
            GapBn,
            [20.0, 0.25, 0.5],
            [0.5, 1.5],
            1e-4,
        ),
        (
            "inception-resnet-v2",
            "inception_resnet_v2",
            "keras-tf",
            Gap,
            [20.0, 0.25, 0.5],
            [0.75, 1.25],
            1e-4,
        ),
        ("mobilenet", "mobilenetv1_100", "keras-tf", Gap, [10.0, 0.5, 0.5], [0.5, 1.5], 1e-4),
        ("resnet50v2", "resnet50v2", "keras-tf", Gap, [20.0, 0.25, 0.25], [0.5, 1.0], 1e-3),
        ("mobilenet-v2", "mobilenet_v2", "keras-tf", Gap, [10.0, 0.25, 0.5], [0.5, 1.5], 1e-4),
        ("resnet50", "resnet50", "keras-caffe", Flatten, [20.0, 0.5, 0.5], [0.5, 1.5], 1e-4),
        ("vgg16", "vgg16", "keras-caffe", Flatten, [10.0, 0.0, 0.25], [0.5, 1.0], 1e-2),
        ("densenet121", "densenet121", "imagenet", Gap, [20.0, 0.5, 0.5], [0.5, 1.5], 1e-4),
    ]
};

#[test]
fn the_recipes_of_the_benchmark_of_2023_are_those_of_its_code() {
    for (name, architecture, normalization, head, [rotation, shear, zoom], brightness, rate) in
        BENCHMARK
    {
        let config = Config::load(&format!("benchmark-2023/{name}.toml"), &[]).unwrap();
        let (model, augment) = (&config.model, &config.augment);
        assert_eq!((model.architecture.name(), model.head), (architecture, head), "{name}");
        assert_eq!(config.input.normalization, normalization, "{name}");
        let found = [augment.rotation_degrees, augment.shear_degrees, augment.zoom];
        assert_eq!(found, [rotation, shear, zoom], "{name}");
        assert_eq!(augment.brightness, Some(brightness), "{name}");
        assert!(augment.horizontal_flip && augment.vertical_flip, "{name}");
        assert_eq!(config.train.learning_rate, rate, "{name}");
        assert_eq!((config.run.epochs, config.train.batch_size), (50, 64), "{name}");
        let network = config.network().empty(&Device::flex());
        let chosen = set_trainable(network, &model.trainable, model.batch_norm);
        assert_eq!(chosen.err(), None, "{name}");
        let side = if name == "nasnet-mobile" { [224, 224] } else { [400, 300] };
        assert_eq!(<[u32; 2]>::from(config.input.size), side, "{name}");
    }
}
