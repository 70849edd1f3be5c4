//! Names of weights: against timm and torchvision.

use dermx_model::{Naming, torchvision_names};

const TIMM: &str = include_str!("efficientnet_b0_timm.txt");
const TORCHVISION: &str = include_str!("efficientnet_b0_torchvision.txt");

#[test]
fn names_of_timms_efficientnet_become_torchvisions() {
    assert_eq!(Naming::of(TIMM.lines()), Naming::Timm);
    let names = torchvision_names(TIMM.lines());
    for (found, expected) in names.iter().zip(TORCHVISION.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(names.len(), TORCHVISION.lines().count());
}

#[test]
fn blocks_that_do_not_expand_lack_the_first_step_in_any_stage() {
    // A second block in the first stage, as EfficientNet-B1 has it.
    let more =
        ["blocks.0.1.conv_pw.weight", "blocks.0.1.bn2.weight", "blocks.0.1.se.conv_reduce.bias"];
    let names = torchvision_names(TIMM.lines().chain(more));
    let expected = [
        "features.1.1.block.2.0.weight",
        "features.1.1.block.2.1.weight",
        "features.1.1.block.1.fc1.bias",
    ];
    assert_eq!(names[names.len() - 3..], expected);
}

#[test]
fn torchvisions_names_stay() {
    assert_eq!(Naming::of(TORCHVISION.lines()), Naming::Torchvision);
    assert!(torchvision_names(TORCHVISION.lines()).iter().eq(TORCHVISION.lines()));
    let resnet = ["conv1.weight", "bn1.weight", "layer1.0.conv1.weight", "fc.weight"];
    assert_eq!(torchvision_names(resnet.into_iter()), resnet);
}

#[test]
fn the_prefix_of_networks_on_several_devices_is_dropped() {
    let prefixed: Vec<String> = TIMM.lines().map(|name| format!("module.{name}")).collect();
    assert_eq!(Naming::of(prefixed.iter().map(String::as_str)), Naming::Timm);
    let names = torchvision_names(prefixed.iter().map(String::as_str));
    assert!(names.iter().eq(TORCHVISION.lines()));
    // Only if every name has it.
    let mixed = ["module.a", "b"];
    assert_eq!(torchvision_names(mixed.into_iter()), mixed);
    assert!(torchvision_names([].into_iter()).is_empty());
}

#[test]
fn unknown_names_of_timms_stay() {
    let more =
        ["blocks.0.0.attention.weight", "blocks.x.0.conv_dw.weight", "blocks", "norm.weight"];
    let names = torchvision_names(TIMM.lines().chain(more));
    assert_eq!(names[names.len() - 4..], more);
}
