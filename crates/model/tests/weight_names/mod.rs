//! Names of weights: against timm, torchvision and EfficientNet-PyTorch.

use dermx_model::{Naming, torchvision_names};

const TIMM: &str = include_str!("efficientnet_b0_timm.txt");
const TORCHVISION: &str = include_str!("efficientnet_b0_torchvision.txt");
/// Of EfficientNet-Lite0 and Lite1 in EfficientNet-PyTorch and timm.
const LITES: [(&str, &str); 2] = [
    (include_str!("efficientnet_lite0_pytorch.txt"), include_str!("efficientnet_lite0_timm.txt")),
    (include_str!("efficientnet_lite1_pytorch.txt"), include_str!("efficientnet_lite1_timm.txt")),
];
const TIMMS_VIT: &str = include_str!("vit_b_16_timm.txt");
const TORCHVISIONS_VIT: &str = include_str!("vit_b_16_torchvision.txt");
const TIMMS_SWIN: &str = include_str!("swin_t_timm.txt");
const TORCHVISIONS_SWIN: &str = include_str!("swin_t_torchvision.txt");

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
fn names_of_efficientnet_pytorchs_lites_become_timms() {
    for (pytorch, timm) in LITES {
        assert_eq!(Naming::of(pytorch.lines()), Naming::EfficientNetPytorch);
        let names = torchvision_names(pytorch.lines());
        assert!(names.iter().eq(timm.lines()), "{names:?}");
        // timm's are those that the networks have here.
        assert_eq!(Naming::of(timm.lines()), Naming::Torchvision);
        assert!(torchvision_names(timm.lines()).iter().eq(timm.lines()));
    }
    // Of how many blocks a network is made tells their stages; there is none of three.
    let some = LITES[0].0.lines().filter(|name| {
        !name.starts_with("_blocks.")
            || ["0.", "1.", "2."].iter().any(|at| name[8..].starts_with(at))
    });
    let some: Vec<&str> = some.collect();
    let names = torchvision_names(some.iter().copied());
    assert!(names.iter().any(|name| name == "_blocks.1._bn0.weight"), "{names:?}");
    assert!(names.iter().any(|name| name == "conv_head.weight"), "{names:?}");
}

#[test]
fn names_of_timms_vision_transformer_become_torchvisions() {
    assert_eq!(Naming::of(TIMMS_VIT.lines()), Naming::Timm);
    assert_eq!(Naming::of(TORCHVISIONS_VIT.lines()), Naming::Torchvision);
    let names = torchvision_names(TIMMS_VIT.lines());
    assert!(names.iter().eq(TORCHVISIONS_VIT.lines()), "{names:?}");
    assert!(torchvision_names(TORCHVISIONS_VIT.lines()).iter().eq(TORCHVISIONS_VIT.lines()));
    let older =
        TORCHVISIONS_VIT.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2.");
    assert_ne!(older, TORCHVISIONS_VIT);
    assert!(torchvision_names(older.lines()).iter().eq(TORCHVISIONS_VIT.lines()));
}

#[test]
fn names_of_timms_swin_transformer_become_torchvisions() {
    assert_eq!(Naming::of(TIMMS_SWIN.lines()), Naming::Timm);
    assert_eq!(Naming::of(TORCHVISIONS_SWIN.lines()), Naming::Torchvision);
    let names = torchvision_names(TIMMS_SWIN.lines());
    assert!(names.iter().eq(TORCHVISIONS_SWIN.lines()), "{names:?}");
    assert!(torchvision_names(TORCHVISIONS_SWIN.lines()).iter().eq(TORCHVISIONS_SWIN.lines()));
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
fn names_of_other_networks_are_nobodys() {
    let swin_v2 =
        ["features.1.0.attn.logit_scale", "features.1.0.attn.cpb_mlp.0.weight", "head.norm.weight"];
    let timms_convnext = ["stem.0.weight", "stages.0.blocks.0.conv_dw.weight", "head.fc.weight"];
    for names in [swin_v2, timms_convnext] {
        assert_eq!(Naming::of(names.into_iter()), Naming::Unknown);
        assert_eq!(torchvision_names(names.into_iter()), names);
    }
    assert_eq!(Naming::of([].into_iter()), Naming::Unknown);
    assert_eq!(Naming::of(["fc.weight", "fc.bias"].into_iter()), Naming::Torchvision);
}

#[test]
fn unknown_names_of_timms_stay() {
    let more =
        ["blocks.0.0.attention.weight", "blocks.x.0.conv_dw.weight", "blocks", "norm.weight"];
    let names = torchvision_names(TIMM.lines().chain(more));
    assert_eq!(names[names.len() - 4..], more);
}
