//! What holds for every method, and methods that look at the image itself.

use crate::networks;

use burn::tensor::{Device, Tensor, TensorData};
use dermx_gradcam::{Explainer, Explanation, Method, Output, Settings, Sight};
use dermx_model::{Architecture, Network, export_weights};
use networks::{
    assert_close, bits, gap, network_with, quadrants, seeded, seeded_images, traceable_weights,
    values,
};

const SMALL: Settings = Settings {
    output: Output::Logit,
    num_steps: 4,
    num_samples: 3,
    noise_percent: 15,
    patch_px: 24,
    stride_px: 16,
};

fn network() -> Network {
    seeded(&gap(Architecture::RESNET18, 3), 1)
}

/// A network that the method explains.
fn network_for(method: Method) -> Network {
    match method.sight() {
        Sight::Attention => seeded(&gap(Architecture::VIT_SMALL_PATCH16_224, 3), 1),
        Sight::Layer | Sight::Image => network(),
    }
}

fn images(batch: usize) -> Tensor<4> {
    seeded_images([batch, 3, 48, 64], 2, &Device::flex())
}

fn explainer(network: &Network, method: Method, settings: Settings) -> Explainer {
    Explainer::new(network, method, settings, None).expect("a layer")
}

/// Noise that depends on the image and on how often was asked.
fn noise(first_image: usize) -> impl FnMut(usize) -> f32 {
    let mut counts = [0_u32; 16];
    move |image| {
        counts[image] += 1;
        let phase = counts[image] as f32 * 12.9898 + (first_image + image) as f32 * 78.233;
        (phase.sin() * 43_758.547).fract() * 2.0
    }
}

/// Logit 0 is `2 red - 4 green` of the means, logit 1 is `-2 red + 4 green + 1/4`.
fn two_classes() -> Network {
    network_with(&gap(Architecture::RESNET18, 2), |network| {
        let mut weights = traceable_weights(network);
        let head = &mut weights.get_mut("fc.weight").expect("a head").values;
        head[..2].copy_from_slice(&[2.0, -4.0]);
        head[512..514].copy_from_slice(&[-2.0, 4.0]);
        weights.get_mut("fc.bias").expect("a bias").values = vec![0.0, 0.25];
        weights
    })
}

/// Red 1, 2, 3, 4 and green 1/4, 1/4, 1, 3 in the quadrants of 64x64 pixels; blue -1.
fn hand_image() -> Tensor<4> {
    let red = [[1.0, 2.0], [3.0, 4.0]];
    let green = [[0.25, 0.25], [1.0, 3.0]];
    quadrants([red, green, [[-1.0; 2]; 2]], &Device::flex())
}

#[test]
fn every_method_gives_an_image_the_same_map_alone_and_in_a_batch() {
    let targets = [2, 0, 1];
    for method in Method::ALL {
        let explainer = explainer(&network_for(method), method, SMALL);
        let together = explainer.explain(images(3), &targets, &mut noise(0)).expect("explains");
        for (idx, &target) in targets.iter().enumerate() {
            let image = images(3).narrow(0, idx, 1);
            let alone: Explanation =
                explainer.explain(image, &[target], &mut noise(idx)).expect("explains");
            let (together, alone) = (&together.heatmaps[idx], &alone.heatmaps[0]);
            assert_eq!([together.height, together.width], [alone.height, alone.width]);
            let scale = alone.values.iter().copied().fold(0.0, f32::max);
            assert_close(&together.values, &alone.values, 1e-5 * scale.max(1e-6));
            assert!(alone.values.iter().all(|&value| value >= 0.0), "{method}");
        }
        let has_layer = explainer.layer() == Some("layer4");
        assert_eq!(has_layer, method.uses_layer(), "{method}");
    }
}

#[test]
fn no_method_moves_weights_or_statistics() {
    for method in Method::ALL {
        let network = network_for(method);
        let all_bits = || -> Vec<u32> {
            export_weights(&network).values().flat_map(|tensor| bits(&tensor.values)).collect()
        };
        let before = all_bits();
        let explainer = explainer(&network, method, SMALL);
        explainer.explain(images(1), &[1], &mut noise(0)).expect("explains");
        assert_eq!(all_bits(), before, "{method}");
    }
}

#[test]
fn methods_of_attention_are_refused_by_networks_without_it() {
    for (architecture, kind) in [
        (Architecture::RESNET18, "a ResNet"),
        (Architecture::CONVNEXT_TINY, "a ConvNeXt"),
        (Architecture::SWIN_T, "a Swin transformer"),
    ] {
        let network = gap(architecture, 3).init(&Device::flex());
        for method in [Method::AttentionRollout, Method::AttentionRelevance] {
            let error = Explainer::new(&network, method, SMALL, None).expect_err("refused");
            let message = error.to_string();
            assert!(message.contains(method.name()) && message.contains(kind), "{message}");
            assert!(message.contains("vision transformers"), "{message}");
        }
    }
}

#[test]
fn every_method_explains_a_vision_transformer() {
    let network = seeded(&gap(Architecture::VIT_SMALL_PATCH16_224, 3), 1);
    for method in Method::ALL {
        let explainer = explainer(&network, method, SMALL);
        let map = &explainer.explain(images(1), &[1], &mut noise(0)).expect("explains").heatmaps[0];
        let expected = if method.sight() == Sight::Image { [48, 64] } else { [3, 4] };
        assert_eq!([map.height, map.width], expected, "{method}");
        assert!(map.values.iter().any(|&value| value > 0.0), "{method}");
    }
}

#[test]
fn every_method_of_a_layer_or_the_image_explains_a_swin_transformer() {
    let network = seeded(&gap(Architecture::SWIN_T, 3), 1);
    for method in Method::ALL.into_iter().filter(|method| method.sight() != Sight::Attention) {
        let explainer = explainer(&network, method, SMALL);
        // 48x64 pixels are 12x16 cells, halved three times: 6x8, 3x4, 2x2.
        let expected = if method.sight() == Sight::Image { [48, 64] } else { [2, 2] };
        let is_positive = |target: usize| {
            let explanation = explainer.explain(images(1), &[target], &mut noise(0));
            let map = &explanation.expect("explains").heatmaps[0];
            assert_eq!([map.height, map.width], expected, "{method}");
            map.values.iter().any(|&value| value > 0.0)
        };
        // All of four cells may speak against a class.
        assert!((0..3).any(is_positive), "{method}");
    }
}

#[test]
fn rollout_has_no_class_and_relevance_has_one() {
    let network = network_for(Method::AttentionRollout);
    let map = |method: Method, target: usize| {
        let explainer = explainer(&network, method, SMALL);
        let explanation = explainer.explain(images(1), &[target], &mut noise(0));
        explanation.expect("explains").heatmaps[0].values.clone()
    };
    assert_eq!(map(Method::AttentionRollout, 0), map(Method::AttentionRollout, 1));
    assert_ne!(map(Method::AttentionRelevance, 0), map(Method::AttentionRelevance, 1));
    // The class token itself keeps some of what the rows add up to, 1.
    let sum: f32 = map(Method::AttentionRollout, 0).iter().sum();
    assert!((0.1..1.0).contains(&sum), "{sum}");
    let explainer = explainer(&network, Method::AttentionRollout, SMALL);
    assert!(explainer.explain(images(1), &[3], &mut noise(0)).is_err());
}

#[test]
fn integrated_gradients_account_for_the_whole_difference() {
    let network = network();
    let settings = Settings { num_steps: 64, ..SMALL };
    let explainer = explainer(&network, Method::IntegratedGradients, settings);
    let image = seeded_images([1, 3, 24, 32], 2, &Device::flex());
    let (logits, attributions) = explainer.attributions(image.clone(), &[2]).expect("explains");
    let nothing = values(network.forward(image.zeros_like()))[2];
    let difference = values(logits)[2] - nothing;
    let sum: f32 = values(attributions).iter().sum();
    assert!(difference.abs() > 0.1, "{difference}");
    assert!((sum - difference).abs() < 0.01 * difference.abs(), "{sum} {difference}");
}

#[test]
fn without_noise_smooth_grad_is_the_gradient() {
    let network = network();
    let settings = Settings { num_samples: 1, ..SMALL };
    let explainer = explainer(&network, Method::SmoothGrad, settings);
    let map = &explainer.explain(images(1), &[0], &mut |_| 0.0).expect("explains").heatmaps[0];
    assert_eq!([map.height, map.width], [48, 64]);
    let (largest, _) =
        map.values.iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1)).expect("cells");
    // Slopes of the logit at that pixel, one color after the other.
    let num_pixels = 48 * 64;
    let step = 5e-3_f32;
    let slope = |color: usize| {
        let logit = |step: f32| {
            let mut moved = values(images(1));
            moved[color * num_pixels + largest] += step;
            let data = TensorData::new(moved, [1, 3, 48, 64]);
            values(network.forward(Tensor::<4>::from_data(data, &Device::flex())))[0]
        };
        ((logit(step) - logit(-step)) / (2.0 * step)).abs()
    };
    let expected = (0..3).map(slope).fold(0.0, f32::max);
    let found = map.values[largest];
    assert!((found - expected).abs() < 0.02 * expected, "{found} {expected}");
}

#[test]
fn occlusion_is_how_far_the_logit_falls() {
    // A cell is the largest value within two pixels of (0 or 32, 0 or 32), so it sees all quadrants
    // that meet there. Logit 0 is 2 * 2.5 - 4 * 1.125 = 0.5. Covered with zeros,
    // - top left: red 0 2 3 4, green 0 .25 1 3: 4.5 - 4.25 = .25, falls by .25;
    // - top right: red 1 1 3 4, green .25 .25 1 3: 4.5 - 4.5 = 0, falls by .5;
    // - bottom left: red 1 2 1 4, green .25 .25 .25 3: 4 - 3.75 = .25, falls by .25;
    // - bottom right: red 1 2 3 3, green .25 .25 1 1: 4.5 - 2.5 = 2, rises.
    let network = two_classes();
    let settings = Settings { patch_px: 32, stride_px: 32, ..SMALL };
    let explainer = explainer(&network, Method::Occlusion, settings);
    let explanation = explainer.explain(hand_image(), &[0], &mut |_| 0.0).expect("explains");
    let map = &explanation.heatmaps[0];
    let quadrant = |pixel: usize| 2 * (pixel / 64 / 32) + pixel % 64 / 32;
    let expected: Vec<f32> =
        (0..64 * 64).map(|pixel| [0.25, 0.5, 0.25, 0.0][quadrant(pixel)]).collect();
    assert_close(&map.values, &expected, 1e-5);
}

#[test]
fn occlusion_squares_that_overlap_end_at_the_borders() {
    // Squares of 48 pixels every 32 on 64 pixels start at 0 and, so that they end with the side, at 16.
    // Those from (row, column) hide, of the four cells at (0 or 32, 0 or 32),
    // - (0, 0): all; logit 0 is 0, and falls by 0.5;
    // - (16, 0): the lower two; red 1 2 0 0, green .25 .25 0 0: 1.5 - .5 = 1, rises by 0.5;
    // - (0, 16): the right two; red 1 0 3 0, green .25 0 1 0: 2 - 1.25 = .75, rises by 0.25;
    // - (16, 16): the last; red 1 2 3 0, green .25 .25 1 0: 3 - 1.5 = 1.5, rises by 1.
    // Logit 1 is 1/4 less that, and falls where logit 0 rises. Of the rows, and of the columns, the first
    // 16 are in the first squares alone, the last 16 in the second ones, and the others in both:
    //   0: .5   (.5 - .25) / 2 = .125   < 0        1: < 0    (-.5 + .25) / 2 < 0   .25
    //      0    (.5 - .5 - .25 - 1) / 4 < 0        0         .3125                 (.25 + 1) / 2
    //      < 0  < 0                     < 0        .5        (.5 + 1) / 2          1
    let network = two_classes();
    let settings = Settings { patch_px: 48, stride_px: 32, ..SMALL };
    let explainer = explainer(&network, Method::Occlusion, settings);
    let images = Tensor::cat(vec![hand_image(), hand_image()], 0);
    let explanation = explainer.explain(images, &[0, 1], &mut |_| 0.0).expect("explains");
    let part = |place: usize| usize::from(place >= 16) + usize::from(place >= 48);
    for (map, expected) in explanation.heatmaps.iter().zip([
        [[0.5, 0.125, 0.0], [0.0; 3], [0.0; 3]],
        [[0.0, 0.0, 0.25], [0.0, 0.3125, 0.625], [0.5, 0.75, 1.0]],
    ]) {
        let expected: Vec<f32> =
            (0..64 * 64).map(|pixel| expected[part(pixel / 64)][part(pixel % 64)]).collect();
        assert_close(&map.values, &expected, 1e-5);
    }
}

#[test]
fn an_occlusion_square_larger_than_the_image_hides_all_of_it() {
    let network = two_classes();
    let settings = Settings { patch_px: 100, stride_px: 7, ..SMALL };
    let explainer = explainer(&network, Method::Occlusion, settings);
    let explanation = explainer.explain(hand_image(), &[0], &mut |_| 0.0).expect("explains");
    assert_close(&explanation.heatmaps[0].values, &[0.5; 64 * 64], 1e-5);
}

#[test]
fn occlusion_with_gaps_between_its_squares_is_refused() {
    let network = network();
    for (patch_px, stride_px, is_refused) in [(8, 16, true), (8, 9, true), (8, 8, false)] {
        let settings = Settings { patch_px, stride_px, ..SMALL };
        let made = Explainer::new(&network, Method::Occlusion, settings, None);
        assert_eq!(made.is_err(), is_refused, "{patch_px} {stride_px}");
        assert_eq!(settings.check().is_err(), is_refused, "{patch_px} {stride_px}");
    }
    let error = Settings { patch_px: 8, stride_px: 16, ..SMALL }.check().expect_err("refused");
    assert!(error.to_string().contains("squares of 8 pixels every 16 pixels"), "{error}");
}

#[test]
fn a_probability_is_explained_when_asked_for() {
    // Of two classes, d p_0 = p_0 p_1 (d y_0 - d y_1), and here y_1 = 1/4 - y_0: so the map is that
    // of the logit times 2 p_0 p_1, with p_0 = 1 / (1 + exp(-(0.5 + 0.25))).
    let network = two_classes();
    let settings = Settings { output: Output::Probability, ..SMALL };
    let explainer = explainer(&network, Method::GradCam, settings);
    let explanation = explainer.explain(hand_image(), &[0], &mut |_| 0.0).expect("explains");
    let probability = 1.0 / (1.0 + (-0.75_f32).exp());
    let scale = 2.0 * probability * (1.0 - probability);
    let expected = [0.25, 0.75, 0.5, 0.0].map(|value| value * scale);
    assert_close(&explanation.heatmaps[0].values, &expected, 1e-5);
}

#[test]
fn settings_of_zero_are_refused() {
    let network = network();
    let zero = |change: fn(&mut Settings)| {
        let mut settings = SMALL;
        change(&mut settings);
        Explainer::new(&network, Method::Occlusion, settings, None).is_err()
    };
    assert!(zero(|settings| settings.num_steps = 0));
    assert!(zero(|settings| settings.num_samples = 0));
    assert!(zero(|settings| settings.patch_px = 0));
    assert!(zero(|settings| settings.stride_px = 0));
}

#[test]
fn a_method_is_known_by_its_name() {
    for method in Method::ALL {
        assert_eq!(method.name().parse(), Ok(method));
    }
    let error = "gradcam".parse::<Method>().expect_err("refused");
    assert!(error.contains("grad_cam, grad_cam_plus_plus"), "{error}");
}
