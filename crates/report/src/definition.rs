//! How to read the page: what the words mean and how each score is defined.

use dermx_table::{Cell, Column, Table};
use serde::Serialize;

/// One score: what it says and how it is computed.
#[derive(Debug, Serialize)]
pub struct Definition {
    name: &'static str,
    equation: &'static str,
    range: &'static str,
    better: &'static str,
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
    Definition { name, equation, range: "0 to 1", better: "higher", undefined, source }
}

/// Every score of the page, in the order of the tables.
pub const DEFINITIONS: [Definition; 33] = [
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
    share(
        "Balanced accuracy",
        "mean of the classes' sensitivities",
        "no class has an image",
        "Brodersen et al. 2010",
    ),
    share(
        "AUROC of a class",
        "P(p of an image of the class > p of another) + P(equal) / 2; chance 0.5",
        "no image is of the class, or every one",
        "Fawcett 2006",
    ),
    share(
        "AUPRC of a class",
        "Σ ΔR P over thresholds, with precision P and sensitivity R; chance: the class's share",
        "no image is of the class, or every one",
        "average precision, Davis and Goadrich 2006",
    ),
    share(
        "Sensitivity at specificity 0.95 (0.80)",
        "the largest sensitivity of a threshold with at least that specificity",
        "no image is of the class, or every one",
        "a point of the ROC curve, Fawcett 2006",
    ),
    Definition {
        name: "Calibration error (ECE)",
        equation: "Σ share of images × |share right − mean p| over 15 equal bins of the largest p",
        range: "0 to 1",
        better: "lower",
        undefined: "there is no image",
        source: "Guo et al. 2017",
    },
    Definition {
        name: "Brier score",
        equation: "mean of Σ (p − y)² over classes; y is 1 for the gold class, else 0",
        range: "0 to 2",
        better: "lower",
        undefined: "there is no image",
        source: "Brier 1950",
    },
    Definition {
        name: "Negative log-likelihood",
        equation: "mean of −log p of the gold class, in nats",
        range: "from 0",
        better: "lower",
        undefined: "there is no image",
        source: "standard; the loss of cross-entropy",
    },
    Definition {
        name: "Temperature",
        equation: "T of softmax(z / T) with the smallest negative log-likelihood on the validation photos",
        range: "0.01 to 100; 1: as sure as it should be",
        better: "neither; above 1: too sure",
        undefined: "all logits of each photo are equal",
        source: "Guo et al. 2017",
    },
    share("Fuzzy F1", "2 Σ min(A, S) / (Σ A + Σ S)", "map and mask are both empty", APPENDIX),
    share("Fuzzy sensitivity", "Σ min(A, S) / Σ S", "the mask is empty", APPENDIX),
    share(
        "Fuzzy specificity",
        "Σ min(1 − A, 1 − S) / Σ (1 − S)",
        "the mask covers the whole image",
        APPENDIX,
    ),
    share(
        "Mass in mask",
        "Σ A S / Σ A",
        "the map is empty",
        "relevance mass accuracy, Arras et al. 2022; energy-based pointing game, Wang et al. 2020; attribution \
         localisation, Kohlbrenner et al. 2020",
    ),
    share(
        "Pointing game",
        "share of the highest pixels (one, or those that tie) in the mask",
        "map or mask is empty",
        "Zhang et al. 2018",
    ),
    share(
        "Rank accuracy",
        "share of the |S| highest pixels in the mask",
        "map or mask is empty",
        "Arras et al. 2022",
    ),
    share(
        "Top-k IoU",
        "i / (2 |S| − i); i of the |S| highest pixels in the mask",
        "map or mask is empty",
        "as the top-k intersection of Quantus",
    ),
    share(
        "AUC",
        "P(inside > outside) + P(equal) / 2; chance 0.5",
        "the map is empty, or the mask is empty or full",
        "Fawcett 2006",
    ),
    share("Fuzzy IoU", "Σ min(A, S) / Σ max(A, S)", "map and mask are both empty", APPENDIX),
    share(
        "NPV (negative predictive value)",
        "Σ min(1 − A, 1 − S) / Σ (1 − A)",
        "the map is 1 everywhere",
        APPENDIX,
    ),
    Definition {
        name: "Sparseness",
        equation: "Gini index of the pixels: Σ (2 i − n − 1) a / (n Σ a), values a sorted upwards",
        range: "0 to 1",
        better: "neither",
        undefined: "the map is empty",
        source: "Chalasani et al. 2020, as in Quantus",
    },
    Definition {
        name: "Complexity",
        equation: "entropy −Σ p log p of the pixels' shares p = a / Σ a, in nats",
        range: "0 to log n",
        better: "neither",
        undefined: "the map is empty",
        source: "Bhatt et al. 2020, as in Quantus",
    },
    Definition {
        name: "Effective complexity",
        equation: "number of pixels above 1e-5 of the largest",
        range: "0 to n",
        better: "neither",
        undefined: "never",
        source: "Nguyen and Martinez 2020, as in Quantus",
    },
    Definition {
        name: "Skill",
        equation: "(N − B) / (R − B): fuzzy F1 of network, best baseline and raters, on images of two \
                   raters or more",
        range: "any; 0 baseline, 1 raters",
        better: "higher",
        undefined: "raters do no better than the baseline",
        source: "skill score, as in forecast verification (Murphy 1988)",
    },
    Definition {
        name: "Correlation",
        equation: "Spearman's, of the cells of two maps",
        range: "−1 to 1",
        better: "near 0 for random weights",
        undefined: "one of the maps is constant",
        source: "cascading randomization, Adebayo et al. 2018",
    },
    Definition {
        name: "Deletion, insertion",
        equation: "area under P(class) while pixels go to the mean color, or come into a blurred image, \
                   most relevant first",
        range: "0 to 1",
        better: "low deletion, high insertion",
        undefined: "never",
        source: "Petsiuk et al. 2018 (RISE)",
    },
    Definition {
        name: "ROAD",
        equation: "mean over 10 to 90 % of pixels of (P without least − P without most relevant) / 2",
        range: "−1/2 to 1/2",
        better: "higher",
        undefined: "never",
        source: "Rong et al. 2022",
    },
    Definition {
        name: "Max and average sensitivity",
        equation: "largest and mean |A′ − A| / |A| over ten noisy copies of the image, noise from −0.2 to 0.2",
        range: "from 0",
        better: "lower",
        undefined: "the map is empty",
        source: "Yeh et al. 2019, as in Quantus",
    },
    Definition {
        name: "Local Lipschitz",
        equation: "largest |A′ / max A′ − A / max A| / |x′ − x| over the same copies x′ of the image x",
        range: "from 0",
        better: "lower",
        undefined: "the map is empty",
        source: "Alvarez-Melis and Jaakkola 2018",
    },
    Definition {
        name: "Infidelity",
        equation: "mean of (b m − d)² over 32 squares: mass m of the map in it, fall d of P(class) without it; best b",
        range: "0 to 1",
        better: "lower",
        undefined: "the map has no mass in any square",
        source: "Yeh et al. 2019",
    },
];

/// Every score of the page: what it says and how it is computed.
pub fn definitions() -> Table {
    let columns = ["Score", "Equation", "Range", "Better", "Undefined when", "Source"];
    let mut table =
        Table::new("definitions", "Definitions of the scores.", columns.map(Column::text));
    for Definition { name, equation, range, better, undefined, source } in DEFINITIONS {
        table.push([name, equation, range, better, undefined, source].map(Cell::from));
    }
    table
}

/// Words and signs of the page, and what they mean.
pub const READING: [(&str, &str); 11] = [
    (
        "±",
        "is the sample standard deviation (n − 1) over seeds, never over images. With one seed \
         there is none.",
    ),
    (
        "[low, high]",
        "is the 95 % interval of the mean over images: Wilson's of shares of images, the bootstrap's of \
         all else. Where resampling gives no width, because all images are alike, there is none, nor for a skill over fewer than six images.",
    ),
    (
        "undefined (k)",
        "says that none of k values could be computed, because their equation divides zero by \
         zero; \"(k undefined)\" beside a number, that k values were left out of its mean. An \
         undefined score never counts as 0. \"–\" says that there was nothing to score.",
    ),
    (
        "Gold",
        "is the diagnosis of the source data set. TP, FP, FN and TN count images, one class \
         against all others.",
    ),
    (
        "A and S",
        "are the heat map and the mask, both from 0 to 1 and on one grid; sums run over all \
         pixels. Heat maps are not thresholded.",
    ),
    (
        "Rows",
        "of the table of heat maps are pairs of image and rater, counted for one network; \"Undefined\" beside \
         them says which scores of how many rows are undefined.",
    ),
    (
        "Union",
        "joins everything that one rater outlined in one image, whatever the characteristic. In \
         the gallery it joins all raters.",
    ),
    (
        "Baselines",
        "are maps that never saw a network: random values, a Gaussian in the middle of the image, \
         and ones everywhere. Lesions tend to be in the middle of a photo, so a network has to beat \
         the Gaussian before its maps say anything.",
    ),
    (
        "Beats",
        "is said of maps where the 95 % bootstrap interval, over images, of their difference from each \
         baseline is above 0; \"cannot be told from\", where an interval has 0 inside and none is below; \"worse\", where one is below. \
         An image counts with the mean over its raters and the seeds.",
    ),
    (
        "Skill",
        "is where the network stands between the best baseline (0) and the raters (1). Its interval is \
         over images, row by row, with no correction for the number of rows.",
    ),
    (
        "Raters among themselves",
        "is what experts reach: one rater's mask in the place of the map, against the mask of each \
         other rater who outlined the same characteristic in the image.",
    ),
];

/// Words of comparisons, and what they mean.
pub const COMPARING: [(&str, &str); 4] = [
    (
        "Above",
        "is said where the 95 % interval of the difference over images excludes 0 and the p value after \
         Holm's correction for all tests of the page is below 0.05; else the two cannot be told apart.",
    ),
    (
        "The unit",
        "is the image: its fuzzy F1 is the mean over raters and seeds, its diagnosis the share of seeds \
         that are right. Images that only one of the two has are left out and counted as unpaired.",
    ),
    (
        "[low, high]",
        "is the 95 % bootstrap interval over images; there is none below six images, and none where all \
         differences are the same.",
    ),
    (
        "Effect",
        "is the share of ranks (signed-rank test) or of differences in favor of A less that in favor of B: \
         from −1 to 1.",
    ),
];
