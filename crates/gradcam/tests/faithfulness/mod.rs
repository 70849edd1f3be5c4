//! Deletion, insertion and ROAD against other programs, and what they say of a map that is right.

use crate::networks;

use burn::tensor::{Device, Tensor, TensorData};
use dermx_gradcam::{faithfulness, relevance_order};
use dermx_model::{Architecture, NamedTensor, Network, export_weights, import_weights};
use networks::{fraction, gap, mix, seeded, seeded_images};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    deletion: f64,
    insertion: f64,
    road: f64,
    spread: f64,
    road_spread: f64,
}

const SIZE: [usize; 2] = [60, 100];

#[test]
fn scores_are_those_of_other_programs() {
    let golden: Golden = serde_json::from_str(include_str!("golden.json")).expect("the golden");
    assert!(golden.spread > 0.1 && golden.road_spread > 0.1, "the output depends on the pixels");
    let network = seeded(&gap(Architecture::RESNET18, 3), 1);
    let image = seeded_images([1, 3, SIZE[0], SIZE[1]], 7, &Device::flex()) + 0.5;
    let map: Vec<f32> = (0..SIZE[0] * SIZE[1])
        .map(|idx| {
            let (row, column) = ((idx / SIZE[1]) as f32, (idx % SIZE[1]) as f32);
            let distance = (row - 20.0).powi(2) + (column - 30.0).powi(2);
            fraction(mix(8), idx) - distance
        })
        .collect();
    let order = relevance_order(&map, &mut || 0);
    let found = faithfulness(&network, image, 1, &order, &mut || 0.0).expect("scores");
    let close = |found: f64, expected: f64| (found - expected).abs() < 1e-5;
    assert!(close(found.deletion, golden.deletion), "{found:?}");
    assert!(close(found.insertion, golden.insertion), "{found:?}");
    assert!(close(found.road, golden.road), "{found:?}");
}

/// A ResNet-18 whose logits are the mean of the red plane's positive values, and 0.
fn red_network() -> Network {
    let network = seeded(&gap(Architecture::RESNET18, 2), 1);
    let mut weights = export_weights(&network);
    for (name, tensor) in &mut weights {
        let is_scale = name.ends_with(".weight") && tensor.shape.len() == 1;
        let value = if is_scale || name.ends_with("running_var") { 1.0 } else { 0.0 };
        tensor.values.fill(value);
    }
    // Channel 0 of the stem takes red as it is; every block passes it on, or samples it.
    let mut set = |name: &str, idx: usize, value: f32| {
        let tensor: &mut NamedTensor = weights.get_mut(name).expect("a parameter");
        tensor.values[idx] = value;
    };
    set("conv1.weight", 3 * 7 + 3, 1.0);
    for stage in 2..=4 {
        set(&format!("layer{stage}.0.downsample.0.weight"), 0, 1.0);
    }
    set("fc.weight", 0, 2.0);
    import_weights(network, &weights).expect("weights that fit")
}

#[test]
fn the_map_of_what_a_network_sees_is_more_faithful_than_its_opposite() {
    // A red square on mid grey, off the middle.
    let [height, width] = [64, 64];
    let is_red = |idx: usize| (32..64).contains(&(idx / width)) && (8..40).contains(&(idx % width));
    let plane = |on: f32| (0..height * width).map(move |idx| if is_red(idx) { on } else { 0.0 });
    let pixels: Vec<f32> = plane(2.0).chain(plane(0.0)).chain(plane(0.0)).collect();
    let image =
        Tensor::<4>::from_data(TensorData::new(pixels, [1, 3, height, width]), &Device::flex());
    let scores = |sign: f32| {
        let map: Vec<f32> = plane(sign).collect();
        let mut state = 1;
        let order = relevance_order(&map, &mut || {
            state = mix(state);
            state
        });
        faithfulness(&red_network(), image.clone(), 0, &order, &mut || 0.0).expect("scores")
    };
    let (right, wrong) = (scores(1.0), scores(-1.0));
    assert!(right.deletion < wrong.deletion - 0.05, "{right:?} {wrong:?}");
    assert!(right.insertion > wrong.insertion + 0.02, "{right:?} {wrong:?}");
    assert!(right.road > 0.05 && wrong.road < -0.05, "{right:?} {wrong:?}");
    assert!((right.road + wrong.road).abs() < 0.05, "{right:?} {wrong:?}");
}

#[test]
fn an_order_of_another_length_and_a_class_that_is_not_there_are_refused() {
    let network = seeded(&gap(Architecture::RESNET18, 2), 1);
    let image = seeded_images([1, 3, 32, 32], 7, &Device::flex());
    let order: Vec<usize> = (0..1024).collect();
    let refused = |target: usize, order: &[usize]| {
        faithfulness(&network, image.clone(), target, order, &mut || 0.0).unwrap_err().to_string()
    };
    assert!(refused(0, &order[1..]).contains("1023"));
    assert!(refused(2, &order).contains("class 2 of 2"));
}
