//! How each score is defined, for the reader of the page.

use serde::Serialize;

/// One score: what it says and how it is computed.
#[derive(Debug, Serialize)]
pub struct Definition {
    name: &'static str,
    equation: &'static str,
    range: &'static str,
    direction: &'static str,
    undefined: &'static str,
    source: &'static str,
}

const APPENDIX: &str = "Jalaboi et al. 2021, appendix Table 3";

const fn share(
    name: &'static str,
    equation: &'static str,
    undefined: &'static str,
    source: &'static str,
) -> Definition {
    Definition { name, equation, range: "0 to 1", direction: "higher is better", undefined, source }
}

/// Every score of the page, in the order of the tables.
pub const DEFINITIONS: [Definition; 9] = [
    share("Accuracy", "right images / images", "there is no image", "standard"),
    share(
        "F1 of a class",
        "2 TP / (2 TP + FP + FN)",
        "the class is neither present nor predicted",
        "standard, one class against the rest",
    ),
    share(
        "Sensitivity of a class",
        "TP / (TP + FN)",
        "no image is of the class",
        "standard, one class against the rest",
    ),
    share(
        "Specificity of a class",
        "TN / (TN + FP)",
        "every image is of the class",
        "standard, one class against the rest",
    ),
    share("Macro F1", "mean of the classes' F1", "no class has an F1", "standard"),
    share("Fuzzy F1", "2 Σ min(A, S) / (Σ A + Σ S)", "map and mask are both empty", APPENDIX),
    share("Fuzzy sensitivity", "Σ min(A, S) / Σ S", "the mask is empty", APPENDIX),
    share(
        "Fuzzy specificity",
        "Σ min(1 − A, 1 − S) / Σ (1 − S)",
        "the mask covers the whole image",
        APPENDIX,
    ),
    share(
        "Mass inside",
        "Σ A S / Σ A",
        "the map is empty",
        "energy-based pointing game, Wang et al. 2020 (Score-CAM)",
    ),
];
