//! Learning rates and decay that differ between parameters.

use super::{
    ADAM, ALL_OF_SGD, NUM_FEATURES, TestResult, assert_close, config, golden, gradients,
    weights_with_features,
};
use burn::module::Module;
use burn::tensor::Device;
use dermx_model::{
    BatchNormMode, Network, export_weights, import_weights, num_stages_behind, set_trainable,
};
use dermx_train::{AdamConfig, Optimizer, OptimizerConfig, ParameterGroups};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::error::Error;

const SHIFT: &str = "features.18.1.bias";
const WEIGHT: &str = "classifier.1.weight";
const BIAS: &str = "classifier.1.bias";

/// `BY_STAGE` of `generate.py`.
fn by_stage() -> ParameterGroups {
    ParameterGroups {
        decay_norms_and_biases: false,
        layer_decay: 0.75,
        ..ParameterGroups::default()
    }
}

/// `BY_PATTERN` of `generate.py`.
fn by_pattern() -> ParameterGroups {
    let factors = |pairs: &[(&str, f64)]| {
        pairs.iter().map(|(pattern, factor)| (pattern.to_string(), *factor)).collect()
    };
    ParameterGroups {
        rate_factors: factors(&[("head.*", 2.0), ("*.bias", 0.5)]),
        decay_factors: factors(&[("*.weight", 2.0), (BIAS, 0.5), ("features.*.bias", 0.0)]),
        ..ParameterGroups::default()
    }
}

/// The optimizers of `generate.py`, which decay by 0.05.
const OPTIMIZERS: [(&str, OptimizerConfig); 3] = [
    ("adam", OptimizerConfig::Adam(AdamConfig { weight_decay: 0.05, ..ADAM })),
    ("adamw", OptimizerConfig::AdamW(AdamConfig { weight_decay: 0.05, ..ADAM })),
    ("sgd", OptimizerConfig::Sgd(ALL_OF_SGD)),
];

#[derive(Deserialize)]
struct Groups {
    shift: Vec<f32>,
    by_stage: BTreeMap<String, After>,
    by_pattern: BTreeMap<String, After>,
}

#[derive(Deserialize)]
struct After {
    shift: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

fn groups() -> Result<Groups, Box<dyn Error>> {
    Ok(serde_json::from_str(include_str!("groups.json"))?)
}

/// The head learns, and the shift of the last batch normalization, which is what the features are.
fn start(shift: &[f32]) -> Result<Network, Box<dyn Error>> {
    let mut weights = weights_with_features(&golden()?);
    let Some(tensor) = weights.get_mut(SHIFT) else { return Err("no shift".into()) };
    // Below 0 a feature is 0, and its shift has no gradient.
    tensor.values.fill(-1.0);
    tensor.values[..shift.len()].copy_from_slice(shift);
    let network = import_weights(config().empty(&Device::flex()), &weights)?;
    let learning = ["head.*".to_string(), SHIFT.to_string()];
    Ok(set_trainable(network, &learning, BatchNormMode::Train)?.train())
}

#[test]
fn a_hundred_steps_with_groups_are_those_of_pytorch() -> TestResult {
    let (golden, groups) = (golden()?, groups()?);
    for (what, kinds, after) in [
        ("by stage", by_stage(), &groups.by_stage),
        ("by pattern", by_pattern(), &groups.by_pattern),
    ] {
        for (name, config) in OPTIMIZERS {
            let mut network = start(&groups.shift)?;
            let mut optimizer = Optimizer::new(config).with_groups(&kinds, &network)?;
            for step in 0..100 {
                let (gradients, _) = gradients(&network, &golden);
                let learning_rate = 0.01 / f64::from(1 + step / 20);
                network = optimizer.step(network, &gradients, learning_rate)?;
            }
            let found = export_weights(&network);
            let num_features = groups.shift.len();
            let rows = found[WEIGHT].values.chunks(NUM_FEATURES);
            let weight: Vec<f32> = rows.flat_map(|row| row[..num_features].to_vec()).collect();
            let (expected, name) = (&after[name], format!("{what}, {name}"));
            assert_close(&weight, &expected.weight, &format!("{name}: weight"));
            assert_close(&found[BIAS].values, &expected.bias, &format!("{name}: bias"));
            let shift = &found[SHIFT].values[..num_features];
            assert_close(shift, &expected.shift, &format!("{name}: shift"));
        }
    }
    Ok(())
}

#[test]
fn a_pattern_that_matches_no_parameter_is_refused() -> TestResult {
    let network = start(&groups()?.shift)?;
    let mut kinds = by_pattern();
    kinds.decay_factors.insert("layer9.*".to_string(), 0.0);
    let refused = Optimizer::new(OPTIMIZERS[0].1).with_groups(&kinds, &network);
    let error = refused.map(|_| ()).expect_err("there is no such layer").to_string();
    assert_eq!(error, "train.decay_factors: the pattern `layer9.*` matches no parameter");
    Ok(())
}

#[test]
fn a_stage_moves_as_with_its_own_learning_rate() -> TestResult {
    let (golden, groups) = (golden()?, groups()?);
    let network = start(&groups.shift)?;
    let depths = num_stages_behind(&network);
    assert_eq!([WEIGHT, BIAS, SHIFT].map(|name| depths[name]), [0, 0, 1]);
    let (gradients, _) = gradients(&network, &golden);
    for (_, config) in OPTIMIZERS {
        let layer_decay = ParameterGroups { layer_decay: 0.5, ..ParameterGroups::default() };
        let mut grouped = Optimizer::new(config).with_groups(&layer_decay, &network)?;
        let found = export_weights(&grouped.step(network.clone(), &gradients, 0.1)?);
        let [whole, half] =
            [0.1, 0.05].map(|rate| Optimizer::new(config).step(network.clone(), &gradients, rate));
        let (whole, half) = (export_weights(&whole?), export_weights(&half?));
        assert_eq!((&found[WEIGHT], &found[BIAS]), (&whole[WEIGHT], &whole[BIAS]));
        assert_eq!(found[SHIFT], half[SHIFT]);
        assert_ne!(found[SHIFT], whole[SHIFT]);
    }
    Ok(())
}

#[test]
fn the_default_groups_change_nothing() -> TestResult {
    let (golden, groups) = (golden()?, groups()?);
    let network = start(&groups.shift)?;
    let (gradients, _) = gradients(&network, &golden);
    for (_, config) in OPTIMIZERS {
        let kinds = ParameterGroups::default();
        let mut grouped = Optimizer::new(config).with_groups(&kinds, &network)?;
        let found = grouped.step(network.clone(), &gradients, 0.1)?;
        let expected = Optimizer::new(config).step(network.clone(), &gradients, 0.1)?;
        assert_eq!(export_weights(&found), export_weights(&expected));
    }
    Ok(())
}
