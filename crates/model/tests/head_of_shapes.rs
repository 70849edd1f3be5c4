//! Which head a file of weights is for.

use dermx_model::{Architecture, Head, NetworkConfig};

/// Number of classes, head and number of cells of the network with these matrices and vectors.
fn found(
    architecture: Architecture,
    shapes: &[(&str, &[usize])],
) -> Option<(usize, Head, [usize; 2])> {
    let shapes = shapes.iter().map(|(name, shape)| (name.to_string(), shape.to_vec()));
    let config = NetworkConfig::of_shapes(architecture, &shapes.collect())?;
    Some((config.num_classes, config.head, config.feature_size(config.input_size)))
}

#[test]
fn the_matrix_of_the_head_says_how_many_classes_there_are_and_which_head() {
    let (resnet, b0) = (Architecture::RESNET34, Architecture::EFFICIENTNET_B0);
    let matrix = ("classifier.1.weight", &[9, 1280][..]);
    for (architecture, shapes, expected) in [
        (resnet, &[("fc.weight", &[7, 512][..])][..], Some((7, Head::Gap, [7, 7]))),
        (resnet, &[("fc.weight", &[7, 2048])], Some((7, Head::Flatten, [4, 1]))),
        (b0, &[matrix], Some((9, Head::Gap, [7, 7]))),
        (b0, &[("classifier.0.weight", &[1280]), matrix], Some((9, Head::GapBn, [7, 7]))),
        (
            resnet,
            &[("fc_bn.weight", &[512]), ("fc.weight", &[2, 512])],
            Some((2, Head::GapBn, [7, 7])),
        ),
        (resnet, &[("fc.weight", &[2, 100])], Some((2, Head::Flatten, [1, 1]))),
        (b0, &[("fc.weight", &[9, 1280])], None),
        (resnet, &[("fc.weight", &[512])], None),
        (resnet, &[("fc.weight", &[0, 512])], None),
    ] {
        assert_eq!(found(architecture, shapes), expected, "{architecture} {shapes:?}");
    }
}
