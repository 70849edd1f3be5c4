//! The reliability diagram: how often a network is right beside how sure it says it is.

use crate::axis::{Axis, Tick};
use crate::score_cell::shown_reading;
use crate::score_text::{counted, decimal};
use dermx_eval::{EvalRecord, ReliabilityBin};
use serde::Serialize;

const WIDTH: f64 = 420.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 50.0;
const SIDE: f64 = WIDTH - LEFT - RIGHT;
/// Between the diagram and the numbers of images below it.
const GAP: f64 = 24.0;
const BARS_HEIGHT: f64 = 54.0;

/// A reliability diagram in drawing units.
#[derive(Debug, Serialize)]
pub struct Reliability {
    name: &'static str,
    title: &'static str,
    subtitle: String,
    description: String,
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    bars_top: f64,
    bars_bottom: f64,
    most: usize,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    bins: Vec<Bin>,
}

#[derive(Debug, Serialize)]
struct Bin {
    /// What the bin says, in words.
    text: String,
    x: String,
    y: String,
    low: String,
    high: String,
    bar_x: String,
    bar_y: String,
    bar_width: String,
    bar_height: String,
}

/// The diagram of the networks of `record` together; `None` without probabilities of any image.
pub fn reliability(record: &EvalRecord) -> Option<Reliability> {
    let diagnosis = record.diagnosis.as_ref()?;
    let bins = &diagnosis.reliability;
    let most = bins.iter().map(|bin| bin.n).max().filter(|most| *most > 0)?;
    let axis = Axis::unit();
    let x = |value: f64| LEFT + axis.position(value) * SIDE;
    let y = |value: f64| TOP + (1.0 - axis.position(value)) * SIDE;
    let ticks = |place: &dyn Fn(f64) -> f64| -> Vec<Tick> {
        let tick = |&value: &f64| Tick { at: unit(place(value)), text: axis.label(value) };
        axis.ticks.iter().map(tick).collect()
    };
    let bars_top = TOP + SIDE + GAP;
    let bars_bottom = bars_top + BARS_HEIGHT;
    let bin = |bin: &ReliabilityBin| {
        let (probability, accuracy) = (bin.probability?, bin.accuracy?);
        let [low, high] = bin.interval.unwrap_or([accuracy; 2]);
        let bar_height = BARS_HEIGHT * bin.n as f64 / most as f64;
        Some(Bin {
            text: in_words(bin, probability, accuracy),
            x: unit(x(probability)),
            y: unit(y(accuracy)),
            low: unit(y(low)),
            high: unit(y(high)),
            bar_x: unit(x(bin.low) + 1.0),
            bar_y: unit(bars_bottom - bar_height),
            bar_width: unit(x(bin.high) - x(bin.low) - 2.0),
            bar_height: unit(bar_height),
        })
    };
    let bins: Vec<Bin> = bins.iter().filter_map(bin).collect();
    let error = shown_reading(diagnosis.ece.as_ref()).line();
    Some(Reliability {
        name: "reliability",
        title: "Reliability",
        subtitle: format!("calibration error {error}"),
        description: format!(
            "Reliability diagram: the share of right images over the largest probability, in {}; calibration \
             error {error}. {}.",
            counted(bins.len(), "bin"),
            bins.iter().map(|bin| bin.text.as_str()).collect::<Vec<_>>().join("; ")
        ),
        width: WIDTH,
        height: bars_bottom + 44.0,
        left: LEFT,
        right: WIDTH - RIGHT,
        top: TOP,
        bottom: TOP + SIDE,
        bars_top,
        bars_bottom,
        most,
        x_ticks: ticks(&x),
        y_ticks: ticks(&y),
        bins,
    })
}

fn in_words(bin: &ReliabilityBin, probability: f64, accuracy: f64) -> String {
    let interval = bin
        .interval
        .map_or_else(String::new, |[low, high]| format!(" [{}, {}]", decimal(low), decimal(high)));
    format!(
        "{:.2} to {:.2}: {}, mean probability {}, right {}{interval}",
        bin.low,
        bin.high,
        counted(bin.n, "image"),
        decimal(probability),
        decimal(accuracy)
    )
}

/// A coordinate in tenths of a drawing unit.
fn unit(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dermx_eval::{DiagnosisScores, Score, TopProbability, reliability_bins};

    #[test]
    fn bins_stand_where_their_numbers_are() {
        let image = |probability, is_right| TopProbability { probability, is_right };
        // Bin 8 (0.533 to 0.6): 0.55 and 0.6, one right; the last: 0.95, right.
        let images = [image(0.55, true), image(0.6, false), image(0.95, true)];
        let ece = Some(Score { mean: Some(0.05), n: 3, ..Score::default() });
        let reliability_bins = reliability_bins(&[&images]);
        let diagnosis =
            DiagnosisScores { reliability: reliability_bins, ece, ..DiagnosisScores::default() };
        let record = EvalRecord { diagnosis: Some(diagnosis), ..EvalRecord::default() };
        let drawn = reliability(&record).unwrap();
        assert_eq!((drawn.bins.len(), drawn.most), (2, 2));
        // The side is 420 - 58 - 16 = 346: x 58 + 0.575 * 346 = 256.95, y 50 + 0.5 * 346.
        assert_eq!((drawn.bins[0].x.as_str(), drawn.bins[0].y.as_str()), ("256.9", "223.0"));
        assert_eq!((drawn.bins[1].x.as_str(), drawn.bins[1].y.as_str()), ("386.7", "50.0"));
        // Half as many images, half as high.
        assert_eq!((&*drawn.bins[0].bar_height, &*drawn.bins[1].bar_height), ("54.0", "27.0"));
        assert!(
            drawn.bins[0]
                .text
                .starts_with("0.53 to 0.60: 2 images, mean probability 0.575, right 0.500 [")
        );
        assert!(
            drawn.description.contains("in 2 bins; calibration error 0.050."),
            "{}",
            drawn.description
        );
        assert!(reliability(&EvalRecord::default()).is_none());
    }
}
