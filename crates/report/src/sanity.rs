//! Sanity checks: maps of randomized networks, and pixels taken away.

use crate::score_text::{readable, spread_meaning};
use crate::table::{Cell, Table};
use dermx_eval::{EvalRecord, MapScores, UNION};

/// The trained network, the network with more and more random stages, and maps without a network.
pub fn randomization(record: &EvalRecord) -> Option<Table> {
    if record.randomization.is_empty() {
        return None;
    }
    let caption = format!(
        "Cascading randomization. Maps against the union of each rater's outlines, and their rank \
         correlation with the trained network's maps, when the weights of the stages nearest to the \
         output are random. {} Maps that explain the network fall to what maps without a network \
         score.",
        spread_meaning(record)
    );
    let groups: [(&str, &[&str]); 1] =
        [("", &["Random weights", "F1", "Sensitivity", "Specificity", "Mass", "Correlation"])];
    let mut table = Table::new(caption, &groups);
    let cells = |scores: &MapScores, correlation: Cell| {
        let MapScores { f1, sensitivity, specificity, mass, .. } = scores;
        let scores = [f1, sensitivity, specificity, mass].map(|score| Cell::score(Some(score)));
        scores.into_iter().chain([correlation]).collect()
    };
    if let Some(union) = record.explanation.get(UNION) {
        table.push("None (trained)", cells(union, Cell::text("1")), true);
    }
    let num_stages = record.randomization.len();
    for (idx, (name, scores)) in record.randomization.iter().enumerate() {
        let stage = name.split_once('-').map_or(name.as_str(), |(_, stage)| stage);
        let heading = match idx + 1 {
            1 => stage.to_owned(),
            num_random if num_random == num_stages => format!("+ {stage}: all"),
            _ => format!("+ {stage}"),
        };
        let correlation = Cell::score(Some(&scores.rank_correlation));
        table.push(&heading, cells(&scores.union, correlation), false);
    }
    for (name, map_table) in &record.baselines {
        if let Some(union) = map_table.get(UNION) {
            let heading = format!("No network: {}", readable(name));
            table.push(&heading, cells(union, Cell::default()), true);
        }
    }
    Some(table)
}

/// What the probability does when pixels go and come, for the network's maps and two without.
pub fn faithfulness(record: &EvalRecord) -> Option<Table> {
    if record.faithfulness.is_empty() {
        return None;
    }
    let caption = format!(
        "Faithfulness. Mean probability of the explained class while pixels go (deletion: low is \
         good) and come (insertion: high is good) in the order of the map, and ROAD (high is good). \
         {} Only the distance to the maps without a network counts.",
        spread_meaning(record)
    );
    let mut table = Table::new(caption, &[("", &["Map", "Deletion", "Insertion", "ROAD"])]);
    for (name, scores) in &record.faithfulness {
        let scores = [&scores.deletion, &scores.insertion, &scores.road];
        let cells = scores.map(|score| Cell::score(Some(score))).into_iter().collect();
        table.push(&readable(name), cells, name == "network");
    }
    Some(table)
}
