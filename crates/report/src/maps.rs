//! Tables of the maps themselves: how concentrated they are, and what their score goes along with.

use crate::score_cell::{absent, shown_cell, told_interval};
use crate::score_text::{ABSENT, counted, decimal, spread_meaning};
use dermx_eval::{Coefficient, EvalRecord, PREDICTORS, Regression};
use dermx_table::{Cell, Column, Score, Table};

/// What the predictors of [`PREDICTORS`] are called, in their order.
const LABELS: [&str; 5] = [
    "Number of outlined parts",
    "Share of the image that is outlined",
    "Elongation of the largest part",
    "Irrectangularity of the largest part",
    "Probability of the predicted class",
];

/// How concentrated the maps are; `None` where that was not scored.
pub fn complexity_table(record: &EvalRecord) -> Option<Table> {
    let means = record.complexity.as_ref()?;
    let title = format!(
        "How concentrated the heat maps are, whatever they show. {} In brackets: the bootstrap's 95 % interval over \
         images. Uniform noise has a sparseness of 1/3, a map of ones of 0.",
        spread_meaning(record)
    );
    let columns = [Column::text("score").label("Score"), Column::score("value").label("Value")];
    let mut table = Table::new("complexity", title, columns);
    for (name, score) in [
        ("Sparseness (Gini index)", &means.sparseness),
        ("Complexity (entropy in nats)", &means.complexity),
        ("Effective complexity (pixels)", &means.effective_complexity),
    ] {
        table.push([name.into(), shown_cell(Some(score))]);
    }
    Some(table)
}

/// What the fuzzy F1 of the union goes along with; `None` where that was not asked for.
pub fn regression_table(record: &EvalRecord) -> Option<Table> {
    let found = record.regression.as_ref()?;
    let together = found.together.as_ref().map_or_else(String::new, |all| {
        format!(
            " Those together explain {} of its variance (R²), over {}.",
            decimal(all.r_squared),
            counted(all.n, "image")
        )
    });
    let title = format!(
        "What the fuzzy F1 of the union goes along with: linear regression, the unit is the image (means over raters \
         and seeds). Each number is the change of the F1 from the smallest to the largest value that occurs, with its \
         95 % interval (Student's t).{together} What goes along need not be the cause."
    );
    let change = |name, label| Column::mean_and_interval(name).label(label).signed();
    let columns = [
        Column::text("predictor").label("From the smallest to the largest"),
        Column::count("images").label("Images"),
        change("alone", "Alone"),
        Column::p("p"),
        Column::number("r_squared").label("R²").decimals(3),
        change("together", "With the others as they are"),
        Column::p("p_together").label("p"),
    ];
    let mut table = Table::new("regression", title, columns);
    let rows = PREDICTORS
        .iter()
        .zip(LABELS)
        .filter_map(|((name, _), label)| Some((*name, label, found.alone.get(*name)?.as_ref())));
    for (name, label, alone) in rows {
        let of_name =
            |all: &'_ Regression| all.coefficients.iter().position(|one| one.name == name);
        let in_all = found.together.as_ref().and_then(|all| Some(&all.coefficients[of_name(all)?]));
        let own = alone.and_then(|all| all.coefficients.first());
        let [change, p] = cells(own);
        let [change_together, p_together] = cells(in_all);
        let images = alone.map_or_else(absent, |all| all.n.into());
        let r_squared = Cell::number_or(alone.map(|all| all.r_squared), ABSENT);
        table.push([label.into(), images, change, p, r_squared, change_together, p_together]);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// A change with its interval, and its p.
fn cells(coefficient: Option<&Coefficient>) -> [Cell; 2] {
    let Some(one) = coefficient else { return [absent(), absent()] };
    let interval = told_interval(Some(one.interval));
    [Score { interval, ..Score::new(one.estimate) }.into(), Cell::p_or(one.p, ABSENT)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use dermx_eval::{OutlineMeans, ScoredMap, f1_regression};

    #[test]
    fn changes_stand_beside_their_names() {
        let map = |(parts, f1): (f64, f64)| ScoredMap {
            f1: Some(f1),
            outlines: OutlineMeans { num_parts: Some(parts), ..OutlineMeans::default() },
            confidence: Some(0.5),
            ..ScoredMap::default()
        };
        // On 1, 2, 3 parts .1, .5, .6: .5 over the range.
        let maps: Vec<ScoredMap> = [(1.0, 0.1), (2.0, 0.5), (3.0, 0.6)].map(map).into();
        let regression = f1_regression(&maps);
        let record = EvalRecord { regression, ..EvalRecord::default() };
        let table = regression_table(&record).expect("two predictors");
        let text = table.terminal();
        assert!(text.contains("Number of outlined parts") && text.contains("+0.500"), "{text}");
        assert!(text.contains("over 3 images"), "{text}");
        // What does not vary has nothing to show.
        let last = text.lines().last().expect("a row");
        assert!(last.starts_with("Probability") && !last.contains('0'), "{text}");
        assert_eq!(regression_table(&EvalRecord::default()), None);
    }
}
