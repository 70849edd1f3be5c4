//! What the lit parts of a photo show: characteristics of its disease, others, or nothing outlined.

use crate::{MapRow, Score};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The row of everything outlined in an image, by any rater.
pub const OUTLINED: &str = "Outlined";

/// The row of what is outlined and typical of the image's gold disease, by any rater.
pub const TYPICAL: &str = "Typical";

/// How the mass of maps is divided; the three means sum to 1.
///
/// A map of a disease ought to light up what the disease shows. With the map A and, over all raters
/// of an image, the union T of the outlines of characteristics typical of its gold disease and the
/// union S of all outlines: `typical = sum (A T) / sum A`, `other = sum (A S) / sum A - typical`,
/// `outside = 1 - sum (A S) / sum A`. The unit is the image. A map of ones gives the shares of the
/// area, which is what chance gives. An all-zero map has no shares and is counted as undefined.
///
/// Maps of a diagnosis cannot say which characteristic a network saw; this says on which its maps
/// lie.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MassShares {
    /// On outlines of characteristics typical of the gold disease.
    pub typical: Score,
    /// On outlines of other characteristics alone.
    pub other: Score,
    /// Outside all outlines.
    pub outside: Score,
}

/// The shares by name of the map; a network's has the name `network`.
pub type Identification = BTreeMap<String, MassShares>;

/// Divides the mass of maps by `rows`, two for each image: of [`TYPICAL`] and of [`OUTLINED`].
pub fn mass_shares(rows: &[MapRow]) -> MassShares {
    let mut images: BTreeMap<&str, [Option<f64>; 2]> = BTreeMap::new();
    for row in rows {
        let of_image = images.entry(&row.image_id).or_default();
        match row.characteristic.as_str() {
            TYPICAL => of_image[0] = row.scores.mass,
            OUTLINED => of_image[1] = row.scores.mass,
            _ => {}
        }
    }
    let over = |share: fn(f64, f64) -> f64| {
        let shares =
            images.values().map(|[typical, outlined]| Some(share((*typical)?, (*outlined)?)));
        Score::over(&shares.collect::<Vec<_>>())
    };
    MassShares {
        typical: over(|typical, _| typical),
        other: over(|typical, outlined| (outlined - typical).max(0.0)),
        outside: over(|_, outlined| 1.0 - outlined),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzy_scores;

    fn rows(image_id: &str, map: &[f64], typical: &[u8], outlined: &[u8]) -> [MapRow; 2] {
        [(TYPICAL, typical), (OUTLINED, outlined)].map(|(name, mask)| MapRow {
            image_id: image_id.into(),
            characteristic: name.into(),
            scores: fuzzy_scores(map, mask).unwrap(),
            ..MapRow::default()
        })
    }

    #[test]
    fn mass_is_divided_by_hand() {
        // a: mass 2, of which 1 on typical, .5 on other outlines, .5 outside: .5 .25 .25.
        // b: all on outlines that are not typical: 0 1 0. c: an all-zero map.
        let mut all = rows("a", &[1.0, 0.5, 0.5, 0.0], &[1, 0, 0, 1], &[1, 1, 0, 1]).to_vec();
        all.extend(rows("b", &[0.5, 0.0], &[0, 0], &[1, 0]));
        all.extend(rows("c", &[0.0, 0.0], &[1, 0], &[1, 0]));
        let shares = mass_shares(&all);
        let means = [&shares.typical, &shares.other, &shares.outside].map(|score| score.mean);
        assert_eq!(means, [Some(0.25), Some(0.625), Some(0.125)]);
        assert_eq!((shares.typical.n, shares.typical.undefined), (2, 1));
    }
}
