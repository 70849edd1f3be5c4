//! Sanity checks: maps of randomized networks, of images with a little noise, and pixels taken away.

use crate::score_cell::{absent, map_columns, shown_cell};
use crate::score_text::{readable, spread_meaning};
use dermx_eval::{EvalRecord, MapScores, RobustnessScores, Score, UNION};
use dermx_table::{Cell, Column, Table};
use std::collections::BTreeMap;
use std::iter::once;

/// The trained network, the network with more and more random stages, and maps without a network.
pub fn randomization(record: &EvalRecord) -> Option<Table> {
    if record.randomization.is_empty() {
        return None;
    }
    let title = format!(
        "Cascading randomization. Maps against the union of each rater's outlines, and their rank \
         correlation with the trained network's maps, when the weights of the stages nearest to the \
         output are random. {} Maps that explain the network fall to what maps without a network \
         score.",
        spread_meaning(record)
    );
    let columns = once(Column::text("random").label("Random weights")).chain(map_columns());
    let columns = columns.chain([Column::mean_and_std("rank_correlation").label("Correlation")]);
    let mut table = Table::new("randomization", title, columns);
    let cells = |heading: String, scores: &MapScores, correlation: Cell| {
        let MapScores { f1, sensitivity, specificity, mass, .. } = scores;
        let scores = [f1, sensitivity, specificity, mass].map(|score| shown_cell(Some(score)));
        once(heading.into()).chain(scores).chain([correlation])
    };
    if let Some(union) = record.explanation.get(UNION) {
        table.push_summary(cells("None (trained)".to_owned(), union, 1.0.into()));
    }
    let num_stages = record.randomization.len();
    for (idx, (name, scores)) in record.randomization.iter().enumerate() {
        let stage = name.split_once('-').map_or(name.as_str(), |(_, stage)| stage);
        let heading = match idx + 1 {
            1 => stage.to_owned(),
            num_random if num_random == num_stages => format!("+ {stage}: all"),
            _ => format!("+ {stage}"),
        };
        table.push(cells(heading, &scores.union, shown_cell(Some(&scores.rank_correlation))));
    }
    for (name, map_table) in &record.baselines {
        if let Some(union) = map_table.get(UNION) {
            let heading = format!("No network: {}", readable(name));
            table.push_summary(cells(heading, union, absent()));
        }
    }
    Some(table)
}

/// How far maps move with a little noise on the image, and whether their mass says how much a probability falls.
pub fn robustness(record: &EvalRecord) -> Option<Table> {
    if record.robustness.is_empty() {
        return None;
    }
    let title = format!(
        "Robustness. How far the map moves when a little noise is added to the image (largest and mean relative move, \
         and largest move for the move of the image), and infidelity: how badly the map's mass in a square says how \
         much the probability falls without it. Of all, low is good; maps without a network never move, so that \
         only their infidelity tells. {}",
        spread_meaning(record)
    );
    let scores = [
        ("max_sensitivity", "Max sensitivity"),
        ("avg_sensitivity", "Average sensitivity"),
        ("local_lipschitz", "Local Lipschitz"),
    ];
    let scores = scores.map(|(name, label)| Column::mean_and_std(name).label(label));
    let infidelity = Column::mean_and_std("infidelity").label("Infidelity").decimals(6);
    let columns = once(Column::text("map").label("Map")).chain(scores).chain([infidelity]);
    let table = Table::new("robustness", title, columns);
    Some(with_maps(table, &record.robustness, |scores| {
        let RobustnessScores { max_sensitivity, avg_sensitivity, local_lipschitz, infidelity } =
            scores;
        [max_sensitivity, avg_sensitivity, local_lipschitz, infidelity]
    }))
}

/// What the probability does when pixels go and come, for the network's maps and two without.
pub fn faithfulness(record: &EvalRecord) -> Option<Table> {
    if record.faithfulness.is_empty() {
        return None;
    }
    let title = format!(
        "Faithfulness. Mean probability of the explained class while pixels go (deletion: low is \
         good) and come (insertion: high is good) in the order of the map, and ROAD (high is good). \
         {} Only the distance to the maps without a network counts.",
        spread_meaning(record)
    );
    let scores = [("deletion", "Deletion"), ("insertion", "Insertion"), ("road", "ROAD")];
    let scores = scores.map(|(name, label)| Column::mean_and_std(name).label(label));
    let columns = once(Column::text("map").label("Map")).chain(scores);
    let table = Table::new("faithfulness", title, columns);
    Some(with_maps(table, &record.faithfulness, |scores| {
        [&scores.deletion, &scores.insertion, &scores.road]
    }))
}

/// `table` with a row for each map, of which the network's is the summary.
fn with_maps<S, const N: usize>(
    mut table: Table,
    maps: &BTreeMap<String, S>,
    scores: impl Fn(&S) -> [&Score; N],
) -> Table {
    for (name, of_map) in maps {
        let scores = scores(of_map).map(|score| shown_cell(Some(score)));
        let cells = once(readable(name).into()).chain(scores);
        match name == "network" {
            true => table.push_summary(cells),
            false => table.push(cells),
        }
    }
    table
}
