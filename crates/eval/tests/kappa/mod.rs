//! Chance-corrected agreement against scikit-learn, statsmodels and krippendorff.

use dermx_eval::{cohen_kappa, fleiss_kappa, krippendorff_alpha};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    num_classes: usize,
    ratings: Vec<Vec<usize>>,
    is_missing: Vec<Vec<bool>>,
    cohen: f64,
    fleiss: f64,
    alpha: f64,
}

fn counts(classes: impl Iterator<Item = usize>, num_classes: usize) -> Vec<u64> {
    let mut counts = vec![0; num_classes];
    classes.for_each(|class| counts[class] += 1);
    counts
}

fn is_close(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|found| (found - expected).abs() < 1e-12)
}

#[test]
fn kappas_and_alpha_are_those_of_the_reference_libraries() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert_eq!(cases.len(), 5);
    for case in &cases {
        let pairs: Vec<(usize, usize)> =
            case.ratings.iter().map(|image| (image[0], image[1])).collect();
        let cohen = cohen_kappa(&pairs);
        assert!(is_close(cohen, case.cohen), "{cohen:?} {}", case.cohen);

        let all: Vec<Vec<u64>> = case
            .ratings
            .iter()
            .map(|image| counts(image.iter().copied(), case.num_classes))
            .collect();
        let fleiss = fleiss_kappa(&all).unwrap();
        assert!(is_close(fleiss, case.fleiss), "{fleiss:?} {}", case.fleiss);

        let kept: Vec<Vec<u64>> = case
            .ratings
            .iter()
            .zip(&case.is_missing)
            .map(|(image, is_missing)| {
                let given = image.iter().zip(is_missing).filter(|(_, missing)| !**missing);
                counts(given.map(|(&class, _)| class), case.num_classes)
            })
            .collect();
        let alpha = krippendorff_alpha(&kept);
        assert!(is_close(alpha, case.alpha), "{alpha:?} {}", case.alpha);
    }
}
