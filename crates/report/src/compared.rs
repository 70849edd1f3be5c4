//! Two runs beside each other: what may be said, a picture and the table.

use crate::beyond::comparison_tables;
use crate::comparison::Verdict;
use crate::definition::COMPARING;
use crate::dots;
use crate::drawn::{Drawn, Figure, csv_path, latex_path};
use crate::error::ReportError;
use crate::score_cell::told_interval;
use crate::score_text::{counted, decimal};
use crate::template::{COMPARISON, DOTS, Templates};
use dermx_eval::{Comparison, NOTICE, Paired, UNION};
use dermx_table::Table;
use serde::Serialize;

/// From this corrected p value on a difference does not stand.
const SIGNIFICANT: f64 = 0.05;

/// One comparison in the forms of a page.
#[derive(Debug, Serialize)]
pub struct Compared {
    first: String,
    second: String,
    verdict: Verdict,
    /// The differences with their intervals; `None` where none is defined.
    pub figure: Option<Figure>,
    table: Drawn,
}

/// What a page of comparisons shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ComparisonPage {
    /// Heading of the page.
    pub title: String,
    /// The comparisons.
    pub comparisons: Vec<Comparison>,
    /// The name of each run and the path of its own page from the folder of this one.
    pub pages: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Context<'a> {
    title: &'a str,
    notice: &'static str,
    pages: Vec<(&'a str, String)>,
    comparisons: &'a [Compared],
    reading: &'static [(&'static str, &'static str)],
}

/// Each comparison in the forms of a page.
///
/// # Errors
/// A template that does not fit its values.
pub fn compared(
    comparisons: &[Comparison],
    templates: &Templates,
) -> Result<Vec<Compared>, ReportError> {
    let tables = comparison_tables(comparisons);
    let all = comparisons.iter().zip(tables).zip(1..);
    all.map(|((comparison, table), number)| {
        let figure = dots::differences(comparison, number);
        let figure = figure.map(|dots| Figure::draw(templates, DOTS, &dots)).transpose()?;
        let [first, second] = comparison.sides.clone();
        Ok(Compared { verdict: verdict(comparison), first, second, figure, table: table.into() })
    })
    .collect()
}

/// The page of several comparisons as files: `index.html` (self-contained, fetches nothing), and what it
/// links to: `tables/comparison_N.csv`, `.tex`, `figures/comparison_N.svg`.
///
/// # Errors
/// A template that does not fit its values.
pub fn render_comparisons(page: &ComparisonPage) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let templates = Templates::new()?;
    let comparisons = compared(&page.comparisons, &templates)?;
    let pages = page.pages.iter().map(|(name, path)| (name.as_str(), address(path)));
    let context = Context {
        title: &page.title,
        notice: NOTICE,
        pages: pages.collect(),
        comparisons: &comparisons,
        reading: &COMPARING,
    };
    let html = templates.render(COMPARISON, &context)?;
    let mut files = vec![("index.html".to_owned(), html.into_bytes())];
    for table in comparison_tables(&page.comparisons) {
        let Table { name, .. } = &table;
        files.push((csv_path(name), table.csv()));
        files.push((latex_path(name), table.latex().into_bytes()));
    }
    let figures = comparisons.into_iter().filter_map(|one| one.figure);
    files.extend(figures.map(|figure| (figure.path, figure.file_svg.into_bytes())));
    Ok(files)
}

/// A path as an address: what has a meaning there is written as bytes in percent.
fn address(path: &str) -> String {
    let mut address = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() => address.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'/' => address.push(char::from(byte)),
            byte => address += &format!("%{byte:02X}"),
        }
    }
    address
}

/// What the intervals of the differences let one say, of maps by the union and of diagnoses.
fn verdict(comparison: &Comparison) -> Verdict {
    let measures = [
        ("fuzzy F1 of the heat maps (union)", comparison.f1.get(UNION)),
        ("accuracy of the diagnoses", comparison.accuracy.as_ref()),
    ];
    let measures: Vec<(&str, &Paired)> =
        measures.into_iter().filter_map(|(name, paired)| Some((name, paired?))).collect();
    if measures.is_empty() {
        let headline = "Nothing was scored on both sides, so they cannot be compared.".to_owned();
        return Verdict { level: "unknown", headline, details: Vec::new() };
    }
    let claims: Vec<(bool, String)> =
        measures.iter().map(|(name, paired)| claim(name, paired, &comparison.sides)).collect();
    let mut details: Vec<String> =
        measures.iter().filter_map(|(name, paired)| numbers(name, paired)).collect();
    let seeds = comparison.seeds;
    if seeds.contains(&1) {
        details.push(format!(
            "A has {} and B {}. One seed is one network: what differs may be the seed, not the way of \
             training.",
            counted(seeds[0], "seed"),
            counted(seeds[1], "seed")
        ));
    }
    Verdict {
        level: if claims.iter().any(|(is_told, _)| *is_told) { "yes" } else { "unknown" },
        headline: claims.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" "),
        details,
    }
}

/// Whether the two can be told apart, and what may be said.
fn claim(measure: &str, paired: &Paired, [first, second]: &[String; 2]) -> (bool, String) {
    let Some([low, high]) = told_interval(paired.interval) else {
        let text =
            format!("In {measure} there is no interval of the difference, so nothing is claimed.");
        return (false, text);
    };
    let is_apart = low > 0.0 || high < 0.0;
    let stands = paired.p_holm.is_none_or(|p| p < SIGNIFICANT);
    let (higher, lower) = if low > 0.0 { (first, second) } else { (second, first) };
    match (is_apart, stands) {
        (false, _) => (false, format!("In {measure} {first} and {second} cannot be told apart.")),
        (true, true) => (true, format!("In {measure} {higher} is above {lower}.")),
        (true, false) => {
            let text = format!(
                "In {measure} {higher} is above {lower} by its interval alone: not after correction for \
                 the number of tests."
            );
            (false, text)
        }
    }
}

/// The numbers behind a claim; `None` where there is no difference.
fn numbers(measure: &str, paired: &Paired) -> Option<String> {
    let difference = paired.difference?;
    let interval = told_interval(paired.interval)
        .map(|[low, high]| format!(", 95 % interval {low:+.3} to {high:+.3}"));
    let p = paired.p_holm.map(|p| format!(", p after Holm's correction {}", p_text(p)));
    Some(format!(
        "{}{}: A {} and B {}, A − B {difference:+.3} (over {}{}{}).",
        measure.chars().next().map_or(String::new(), |first| first.to_uppercase().collect()),
        measure.chars().skip(1).collect::<String>(),
        decimal(paired.first?),
        decimal(paired.second?),
        counted(paired.images, "image"),
        interval.unwrap_or_default(),
        p.unwrap_or_default(),
    ))
}

fn p_text(p: f64) -> String {
    if p < 0.001 { "below 0.001".to_owned() } else { decimal(p) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn found(interval: Option<[f64; 2]>, p_holm: f64, seeds: usize) -> Verdict {
        let paired = Paired {
            first: Some(0.30),
            second: Some(0.25),
            difference: Some(0.05),
            interval,
            images: 12,
            p_holm: Some(p_holm),
            ..Paired::default()
        };
        verdict(&Comparison {
            sides: ["new".to_owned(), "old".to_owned()],
            seeds: [seeds; 2],
            f1: BTreeMap::from([(UNION.to_owned(), paired)]),
            ..Comparison::default()
        })
    }

    #[test]
    fn one_is_said_to_be_above_only_where_interval_and_correction_say_so() {
        let above = found(Some([0.01, 0.09]), 0.012, 2);
        assert_eq!((above.level, above.details.len()), ("yes", 1));
        assert_eq!(above.headline, "In fuzzy F1 of the heat maps (union) new is above old.");
        assert_eq!(
            above.details[0],
            "Fuzzy F1 of the heat maps (union): A 0.300 and B 0.250, A − B +0.050 (over 12 images, 95 % \
             interval +0.010 to +0.090, p after Holm's correction 0.012)."
        );
        let open = found(Some([-0.01, 0.11]), 0.012, 2);
        assert_eq!((open.level, open.headline.contains("cannot be told apart")), ("unknown", true));
        let corrected = found(Some([0.01, 0.09]), 0.2, 2);
        assert_eq!((corrected.level, corrected.headline.contains("not after")), ("unknown", true));
        // Over five images, and where all differences are the same, there is no interval.
        for none in [None, Some([0.05, 0.05])] {
            assert!(found(none, 0.012, 2).headline.contains("nothing is claimed"));
        }
    }

    #[test]
    fn one_seed_a_side_is_said_to_be_one_network() {
        assert!(found(Some([0.01, 0.09]), 0.012, 1).details[1].contains("One seed is one network"));
    }

    #[test]
    fn addresses_have_no_sign_of_their_own_meaning() {
        assert_eq!(address("a b#c/índex.html"), "a%20b%23c/%C3%ADndex.html");
    }
}
