//! Mixed images: by hand, against torchvision (`generate.py` beside this file), and how they are
//! drawn.

use dermx_data::ImageSize;
use dermx_train::{Mix, MixConfig, targets};
use serde::Deserialize;
use std::error::Error;

#[derive(Deserialize)]
struct Golden {
    size: ImageSize,
    classes: Vec<usize>,
    num_classes: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    share: f64,
    #[serde(default)]
    row: usize,
    #[serde(default)]
    column: usize,
    images: Vec<f32>,
    labels: Vec<f32>,
}

const SIZE: ImageSize = ImageSize { height: 2, width: 2 };

/// One image of a constant value.
fn image(value: f32) -> Vec<f32> {
    vec![value; 12]
}

#[test]
fn mixup_takes_the_image_before_in_its_share() {
    let mut planes = [image(0.0), image(4.0), image(8.0)].concat();
    assert_eq!(Mix::Mixup { share: 0.75 }.apply(&mut planes, 3, SIZE), 0.75);
    // 0.75 * 0 + 0.25 * 8 = 2; 0.75 * 4 + 0.25 * 0 = 3; 0.75 * 8 + 0.25 * 4 = 7
    assert_eq!(planes, [image(2.0), image(3.0), image(7.0)].concat());
}

#[test]
fn cutmix_pastes_a_rectangle_and_counts_what_is_left() {
    let mut planes = [image(1.0), image(5.0)].concat();
    // Half the side is 0.5 sqrt(0.75) * 2 = 0.87, cut to 0: nothing is pasted.
    assert_eq!(Mix::Cutmix { share: 0.25, row: 1, column: 1 }.apply(&mut planes, 2, SIZE), 1.0);
    assert_eq!(planes, [image(1.0), image(5.0)].concat());
    // Half the side is 1: about (0, 1) that is row 0 and both columns.
    assert_eq!(Mix::Cutmix { share: 0.0, row: 0, column: 1 }.apply(&mut planes, 2, SIZE), 0.5);
    let first = [5.0, 5.0, 1.0, 1.0].repeat(3);
    let second = [1.0, 1.0, 5.0, 5.0].repeat(3);
    assert_eq!(planes, [first, second].concat());
}

#[test]
fn images_and_targets_are_those_of_torchvision() -> Result<(), Box<dyn Error>> {
    let golden: Golden = serde_json::from_str(include_str!("golden.json"))?;
    let num_images = golden.classes.len();
    assert_eq!(golden.cases.len(), 6);
    for Case { kind, share, row, column, images, labels } in golden.cases {
        let mix = match kind.as_str() {
            "mixup" => Mix::Mixup { share: share as f32 },
            _ => Mix::Cutmix { share, row, column },
        };
        let mut planes: Vec<f32> = (0..images.len()).map(|idx| (idx * 37 % 101) as f32).collect();
        let own = mix.apply(&mut planes, num_images, golden.size);
        let targets = targets(&golden.classes, own, &vec![1.0; golden.num_classes], 0.0);
        for (found, expected) in [(planes, images), (targets, labels)] {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{mix:?}: {found} {expected}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_mix_depends_on_seed_epoch_and_images_alone() {
    let config = MixConfig { mixup_alpha: Some(0.2), cutmix_alpha: Some(1.0) };
    let size = ImageSize { height: 30, width: 40 };
    let draw = |seed, epoch, names: &[&str]| config.draw(size, seed, epoch, names);
    let first = draw(1, 1, &["a", "b"]);
    assert_eq!(draw(1, 1, &["a", "b"]), first);
    assert_ne!(draw(2, 1, &["a", "b"]), first);
    assert_ne!(draw(1, 2, &["a", "b"]), first);
    assert_ne!(draw(1, 1, &["b", "a"]), first);
    assert_eq!(MixConfig::default().draw(size, 1, 1, &["a"]), Mix::None);
    let draws: Vec<Mix> = (0..200).map(|epoch| draw(1, epoch, &["a"])).collect();
    let num_mixup = draws.iter().filter(|mix| matches!(mix, Mix::Mixup { .. })).count();
    // Evenly: 100 with a standard deviation of 7.
    assert!((70..=130).contains(&num_mixup), "{num_mixup}");
}
