//! Which tensors of a file are a network's, whatever their names start with.

use burn::tensor::Device;
use dermx_model::{
    Architecture, Computation, Head, LocateError, Located, Naming, NetworkConfig, Padding, Wanted,
    expected_shapes, locate,
};
use std::collections::BTreeMap;

type Shapes = BTreeMap<String, Vec<usize>>;

const TIMM: &str = include_str!("weight_names/efficientnet_b0_timm.txt");
const TORCHVISION: &str = include_str!("weight_names/efficientnet_b0_torchvision.txt");

/// The shapes of a network with three classes.
fn shapes(architecture: Architecture) -> Shapes {
    expected_shapes(&NetworkConfig::torchvision(architecture, 3).init(&Device::flex()))
}

fn behind(prefix: &str, shapes: &Shapes) -> Shapes {
    shapes.iter().map(|(name, shape)| (format!("{prefix}{name}"), shape.clone())).collect()
}

fn both(mut one: Shapes, other: Shapes) -> Shapes {
    one.extend(other);
    one
}

fn found(shapes: &Shapes) -> Located {
    locate(shapes, &Wanted::default()).expect("is found")
}

#[test]
fn any_text_before_all_names_is_a_prefix() {
    let own = shapes(Architecture::RESNET18);
    for prefix in [
        "",
        "module.",
        "_orig_mod.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "state_dict.model.",
        "net.0.",
        "0.",
        "fc.",
        "layer1.",
        "some.thing.nobody.has.heard.of.",
    ] {
        let located = found(&behind(prefix, &own));
        assert_eq!(located.prefixes, [prefix]);
        assert_eq!(
            (located.architecture, located.naming),
            (Architecture::RESNET18, Naming::Torchvision)
        );
        assert!(located.misfit.is_empty() && located.outside.is_empty(), "{prefix}: {located:?}");
        assert!(located.names.keys().eq(own.keys()));
        assert_eq!(located.names["fc.bias"], format!("{prefix}fc.bias"));
    }
}

#[test]
fn wrappers_of_parts_of_a_network_are_passed_over() {
    let own = shapes(Architecture::RESNET18);
    for (from, to) in [
        ("layer1.0.", "layer1._orig_mod.0."),
        ("layer2.", "_fsdp_wrapped_module.layer2._fsdp_wrapped_module."),
        ("layer3.1.", "layer3.1._checkpoint_wrapped_module."),
        ("fc.", "fc.module."),
    ] {
        // Of FSDP the whole network is wrapped, too.
        let outer = if to.starts_with('_') { "_fsdp_wrapped_module." } else { "" };
        let inner = to.strip_prefix(outer).unwrap_or(to);
        let wrapped: Shapes = own
            .iter()
            .map(|(name, shape)| {
                let name = match name.strip_prefix(from) {
                    Some(rest) => format!("{outer}{inner}{rest}"),
                    None => format!("{outer}{name}"),
                };
                (name, shape.clone())
            })
            .collect();
        let located = found(&wrapped);
        assert!(located.misfit.is_empty(), "{to}: {}", located.misfit);
        assert_eq!(located.prefixes, [outer]);
    }
}

#[test]
fn every_architecture_is_told_by_names_and_shapes() {
    for architecture in Architecture::all() {
        let located = found(&behind("model.", &shapes(architecture)));
        assert!(located.misfit.is_empty(), "{architecture}: {}", located.misfit);
        assert_eq!(located.architecture, architecture);
        assert_eq!(located.config.map(|config| config.num_classes), Some(3));
    }
}

#[test]
fn names_of_timms_are_found_behind_prefixes_and_with_counters() {
    let own = shapes(Architecture::EFFICIENTNET_B0);
    let of_timm: BTreeMap<&str, &str> = TIMM.lines().zip(TORCHVISION.lines()).collect();
    let mut timm: Shapes = of_timm
        .iter()
        .filter(|(_, name)| !name.ends_with("num_batches_tracked"))
        .map(|(timm, name)| (format!("module.{timm}"), own.get(*name).cloned().unwrap_or(vec![3])))
        .collect();
    timm.insert("module.classifier.weight".into(), vec![3, 1280]);
    timm.insert("module.blocks.1.0.bn2.num_batches_tracked".into(), Vec::new());
    let located = found(&timm);
    assert!(located.misfit.is_empty(), "{}", located.misfit);
    assert_eq!(
        (located.naming, &located.prefixes[..]),
        (Naming::Timm, &["module.".to_string()][..])
    );
    assert_eq!(located.names["classifier.1.weight"], "module.classifier.weight");
}

#[test]
fn what_stands_beside_the_network_is_left_out_and_told() {
    let own = behind("model.", &shapes(Architecture::RESNET18));
    let beside = Shapes::from([
        ("n_averaged".into(), Vec::new()),
        ("criterion.weight".into(), vec![3]),
        ("optimizer.step".into(), vec![1]),
    ]);
    let located = found(&both(own, beside));
    assert!(located.misfit.is_empty());
    assert_eq!(located.outside, ["criterion.weight", "n_averaged", "optimizer.step"]);
}

#[test]
fn the_second_head_of_an_inception_is_left_out_and_told() {
    let names = [
        "AuxLogits.conv0.conv.weight",
        "AuxLogits.conv1.bn.num_batches_tracked",
        "AuxLogits.conv1.bn.running_var",
        "AuxLogits.fc.bias",
        "AuxLogits.fc.weight",
    ];
    let wanted = [
        Wanted::default(),
        Wanted { architecture: Some(Architecture::INCEPTION_V3), ..Wanted::default() },
        Wanted { without_head: true, ..Wanted::default() },
    ];
    for prefix in ["", "module."] {
        let own = behind(prefix, &shapes(Architecture::INCEPTION_V3));
        let num_own = own.len();
        let beside = names.map(|name| (format!("{prefix}{name}"), vec![768]));
        let all = both(own, Shapes::from(beside));
        for wanted in &wanted {
            let located = locate(&all, wanted).expect("found");
            assert_eq!(located.architecture, Architecture::INCEPTION_V3);
            assert!(located.misfit.is_empty(), "{}", located.misfit);
            assert_eq!(located.outside, names.map(|name| format!("{prefix}{name}")));
            assert_eq!(located.names.len(), num_own);
        }
    }
    // Another network has no such part.
    let beside = Shapes::from([("AuxLogits.conv0.conv.weight".into(), vec![1])]);
    let located = found(&both(shapes(Architecture::RESNET18), beside));
    assert_eq!(located.misfit.unexpected, ["AuxLogits.conv0.conv.weight"]);
}

#[test]
fn layers_more_behind_the_same_prefix_are_unexpected() {
    for prefix in ["", "model."] {
        for extra in
            ["layer1.0.se.fc.weight", "layer2.0.conv2.1.filt", "fc.1.weight", "conv1.0.weight"]
        {
            let extras = Shapes::from([(format!("{prefix}{extra}"), vec![1])]);
            let located = found(&both(behind(prefix, &shapes(Architecture::RESNET18)), extras));
            assert!(located.misfit.is_complete(), "{prefix}{extra}: {}", located.misfit);
            assert_eq!(located.misfit.unexpected, [extra], "{prefix}");
        }
    }
}

#[test]
fn two_networks_in_a_file_are_ambiguous_until_one_is_chosen() {
    let own = shapes(Architecture::RESNET18);
    let other = shapes(Architecture::RESNET34);
    for (one, two) in [("student.", "teacher."), ("", "ema."), ("a.module.", "b.module.")] {
        for second in [&own, &other] {
            let all = both(behind(one, &own), behind(two, second));
            let error = locate(&all, &Wanted::default()).expect_err("ambiguous");
            let LocateError::Ambiguous { mut prefixes } = error else { panic!("{error}") };
            prefixes.sort();
            assert_eq!(prefixes, [one, two]);
            for prefix in [two, two.trim_end_matches('.'), two.split('.').next().unwrap_or(two)] {
                let wanted = Wanted { prefix: Some(prefix), ..Wanted::default() };
                let located = locate(&all, &wanted).expect("is found");
                assert_eq!(located.prefixes, [two], "{prefix}");
                assert!(located.misfit.is_empty());
            }
        }
    }
    let wanted = Wanted { prefix: Some("nobody."), ..Wanted::default() };
    let error = locate(&behind("a.", &own), &wanted).expect_err("refused").to_string();
    assert!(error.contains("`nobody.`") && error.contains("`a.`"), "{error}");
}

#[test]
fn a_trunk_and_a_head_with_prefixes_of_their_own_are_one_network() {
    let (head, trunk): (Shapes, Shapes) =
        shapes(Architecture::RESNET18).into_iter().partition(|(name, _)| name.starts_with("fc."));
    let located = found(&both(behind("backbone.", &trunk), behind("head.", &head)));
    assert!(located.misfit.is_empty());
    assert_eq!(located.names["fc.weight"], "head.fc.weight");
    // A trunk alone is what training starts from.
    let all =
        both(behind("backbone.", &trunk), Shapes::from([("head.mlp.0.weight".into(), vec![9])]));
    let wanted = Wanted { without_head: true, ..Wanted::default() };
    let located = locate(&all, &wanted).expect("is found");
    assert!(located.misfit.is_empty(), "{}", located.misfit);
    assert!(found(&all).misfit.missing.contains(&"fc.weight".to_string()));
}

#[test]
fn networks_that_are_not_here_are_told_by_what_is_missing_and_what_is_there() {
    let error =
        locate(&Shapes::from([("stem.0.weight".into(), vec![96, 3, 4, 4])]), &Wanted::default());
    let error = error.expect_err("refused").to_string();
    assert!(error.contains("`stem.0.weight`") && error.contains("`conv1.weight`"), "{error}");

    // Group normalization has no statistics, a deep stem other names.
    let mut norms = shapes(Architecture::RESNET50);
    norms.retain(|name, _| !name.contains("running_"));
    let misfit = found(&norms).misfit;
    assert!(misfit.missing.contains(&"bn1.running_mean".to_string()), "{misfit}");
    let mut deep = shapes(Architecture::RESNET50);
    deep.remove("conv1.weight");
    deep.insert("conv1.0.weight".into(), vec![32, 3, 3, 3]);
    let located = found(&deep);
    assert_eq!(located.misfit.missing, ["conv1.weight"]);
    assert_eq!(located.misfit.unexpected, ["conv1.0.weight"]);
    let text = located.misfit.to_string();
    assert_eq!(text, "`conv1.weight` is missing; `conv1.0.weight` is not in the network");
}

#[test]
fn parts_of_a_network_are_found_when_they_are_asked_for() {
    let head = Shapes::from([("fc.weight".into(), vec![3, 512]), ("fc.bias".into(), vec![3])]);
    let architecture = Some(Architecture::RESNET18);
    let wanted = Wanted { architecture, partial: true, ..Wanted::default() };
    let located = locate(&behind("module._orig_mod.", &head), &wanted).expect("is found");
    assert_eq!(located.prefixes, ["module._orig_mod."]);
    assert_eq!(located.misfit.missing.len(), 100);
    let twice = both(behind("a.", &head), behind("b.", &head));
    assert!(matches!(locate(&twice, &wanted), Err(LocateError::Ambiguous { .. })));
}

#[test]
fn the_study_head_is_told_by_its_names() {
    let config = NetworkConfig {
        head: Head::GapBn,
        ..NetworkConfig::torchvision(Architecture::EFFICIENTNET_B0, 6)
    };
    let own = expected_shapes(&config.init(&Device::flex()));
    let located = found(&behind("model.", &own));
    assert!(located.misfit.is_empty(), "{}", located.misfit);
    assert_eq!(located.config.map(|config| config.head), Some(Head::GapBn));
}

fn computation(
    architecture: Architecture,
    naming: Naming,
    claimed: Option<&str>,
) -> (Padding, f64, bool) {
    let found = Computation::of(architecture, naming, claimed).expect("is computed here");
    (found.padding, found.epsilon, found.doubt.is_some())
}

#[test]
fn names_and_claims_tell_how_a_network_computes() {
    const EFFICIENTNET_B0: Architecture = Architecture::EFFICIENTNET_B0;
    const EFFICIENTNET_B5: Architecture = Architecture::EFFICIENTNET_B5;
    const RESNET50: Architecture = Architecture::RESNET50;
    const LITE0: Architecture = Architecture::EFFICIENTNET_LITE0;
    const XCEPTION: Architecture = Architecture::XCEPTION;
    const INCEPTION_V3: Architecture = Architecture::INCEPTION_V3;
    const INCEPTION_RESNET_V2: Architecture = Architecture::INCEPTION_RESNET_V2;
    use Padding::{Tf, Torchvision as Symmetric};
    for (architecture, naming, claimed, expected) in [
        // timm 1.0.31: 1e-5 for all efficientnet_b*, and SAME with 1e-3 for all tf_efficientnet_b*.
        (EFFICIENTNET_B0, Naming::Timm, None, (Symmetric, 1e-5, true)),
        (EFFICIENTNET_B5, Naming::Timm, None, (Symmetric, 1e-5, true)),
        (
            EFFICIENTNET_B5,
            Naming::Timm,
            Some("efficientnet_b5.sw_in12k_ft_in1k"),
            (Symmetric, 1e-5, false),
        ),
        (EFFICIENTNET_B0, Naming::Timm, Some("tf_efficientnet_b0"), (Tf, 1e-3, false)),
        (
            EFFICIENTNET_B0,
            Naming::Timm,
            Some("hf_hub:timm/tf_efficientnet_b0.ns_jft_in1k"),
            (Tf, 1e-3, false),
        ),
        (
            Architecture::EFFICIENTNET_B7,
            Naming::Timm,
            Some("tf_efficientnet_b7_ns"),
            (Tf, 1e-3, false),
        ),
        (EFFICIENTNET_B0, Naming::Timm, Some("my_network"), (Symmetric, 1e-5, true)),
        (EFFICIENTNET_B0, Naming::Timm, Some("tf_efficientnet_b1"), (Symmetric, 1e-5, true)),
        // So it is with its Lites, whose names those of EfficientNet-PyTorch are not.
        (LITE0, Naming::Torchvision, None, (Symmetric, 1e-5, true)),
        (LITE0, Naming::Torchvision, Some("tf_efficientnet_lite0.in1k"), (Tf, 1e-3, false)),
        (LITE0, Naming::Torchvision, Some("efficientnet_lite0.ra_in1k"), (Symmetric, 1e-5, false)),
        (LITE0, Naming::EfficientNetPytorch, None, (Tf, 1e-3, false)),
        // timm has one network with these names; Keras computes otherwise.
        (XCEPTION, Naming::Torchvision, None, (Symmetric, 1e-5, false)),
        (XCEPTION, Naming::Torchvision, Some("legacy_xception.tf_in1k"), (Symmetric, 1e-5, false)),
        (XCEPTION, Naming::Torchvision, Some("keras.applications.Xception"), (Tf, 1e-3, false)),
        // As timm's, whatever their weights were trained on.
        (INCEPTION_V3, Naming::Torchvision, None, (Symmetric, 1e-3, false)),
        (INCEPTION_V3, Naming::Torchvision, Some("inception_v3.tf_in1k"), (Symmetric, 1e-3, false)),
        (
            INCEPTION_V3,
            Naming::Torchvision,
            Some("keras.applications.InceptionV3"),
            (Tf, 1e-3, false),
        ),
        (INCEPTION_RESNET_V2, Naming::Torchvision, None, (Symmetric, 1e-3, false)),
        (
            INCEPTION_RESNET_V2,
            Naming::Torchvision,
            Some("keras.applications.InceptionResNetV2"),
            (Symmetric, 1e-3, false),
        ),
        // torchvision 0.29.2: 1e-5 up to B4, 1e-3 from B5 on.
        (Architecture::EFFICIENTNET_B4, Naming::Torchvision, None, (Symmetric, 1e-5, false)),
        (EFFICIENTNET_B5, Naming::Torchvision, None, (Symmetric, 1e-3, false)),
        (Architecture::RESNET34, Naming::Torchvision, None, (Symmetric, 1e-5, false)),
        (RESNET50, Naming::Torchvision, None, (Symmetric, 1e-5, true)),
        (RESNET50, Naming::Torchvision, Some("resnet50"), (Symmetric, 1e-5, false)),
        (RESNET50, Naming::Torchvision, Some("gluon_resnet50_v1b"), (Symmetric, 1e-5, false)),
    ] {
        let found = computation(architecture, naming, claimed);
        assert_eq!(found, expected, "{architecture} {naming:?} {claimed:?}");
    }
    for (architecture, claimed) in [
        (RESNET50, "resnetblur50"),
        (RESNET50, "resnetaa50.a1h_in1k"),
        (Architecture::RESNET18, "resnetblur18"),
    ] {
        let error =
            Computation::of(architecture, Naming::Torchvision, Some(claimed)).expect_err("refused");
        assert!(claimed.starts_with(&error.0), "{error}");
    }
}

#[test]
fn epsilon_is_that_of_the_configuration_or_the_usual_one() {
    let epsilon = |architecture, batch_norm_epsilon| {
        NetworkConfig { batch_norm_epsilon, ..NetworkConfig::torchvision(architecture, 2) }
            .epsilon()
    };
    assert_eq!(epsilon(Architecture::RESNET18, None), 1e-5);
    assert_eq!(epsilon(Architecture::EFFICIENTNET_B4, None), 1e-5);
    assert_eq!(epsilon(Architecture::EFFICIENTNET_B5, None), 1e-3);
    assert_eq!(epsilon(Architecture::EFFICIENTNET_B5, Some(1e-5)), 1e-5);
    let v1 = NetworkConfig {
        variant: dermx_model::Variant::V1,
        ..NetworkConfig::torchvision(Architecture::RESNET50, 2)
    };
    assert_eq!(v1.epsilon(), 1.001e-5);
}
