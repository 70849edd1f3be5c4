//! What a report shows, and that nothing given to it can break it.

mod evidence;
mod sample;

use dermx_eval::{EvalRecord, MapTable, NOTICE, Score};
use dermx_report::{EpochPoint, GalleryItem, RaterOutline, RenderedReport, ReportInput, render};
use proptest::prelude::*;
use sample::{JPEG, sample};
use std::collections::BTreeMap;

fn text<'a>(report: &'a RenderedReport, path: &str) -> &'a str {
    let file = report.files.iter().find(|(found, _)| found == path);
    let (_, contents) = file.unwrap_or_else(|| panic!("no file {path}"));
    std::str::from_utf8(contents).expect("text files are UTF-8")
}

fn rendered(input: &ReportInput) -> RenderedReport {
    render(input).expect("a report")
}

/// The cells of each table line, by the bars that are not escaped.
fn num_cells(line: &str) -> usize {
    let chars: Vec<char> = line.chars().collect();
    let mut bars = 0;
    let mut idx = 0;
    while idx < chars.len() {
        match chars[idx] {
            '\\' => idx += 1,
            '|' => bars += 1,
            _ => {}
        }
        idx += 1;
    }
    bars
}

fn assert_markdown_tables_are_rectangles(markdown: &str) {
    let lines: Vec<&str> = markdown.lines().collect();
    let mut num_tables = 0;
    for (idx, pair) in lines.windows(2).enumerate() {
        if pair[0].starts_with('|') && pair[1].starts_with('|') {
            assert_eq!(num_cells(pair[0]), num_cells(pair[1]), "line {}: {}", idx + 2, pair[1]);
        }
        if pair[1].starts_with("| :---") {
            assert!(idx == 0 || !lines[idx - 1].starts_with('|'), "header of two lines");
            num_tables += 1;
        }
    }
    assert!(num_tables >= 2, "{num_tables} tables");
}

#[test]
fn markdown_of_the_sample_is_the_golden_file() {
    let report = rendered(&sample());
    let markdown = text(&report, "report.md");
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/report.md");
    if markdown != include_str!("golden.md") {
        std::fs::write(path, markdown).expect("a folder for temporary files");
        panic!("report.md differs from tests/report/golden.md; the new one is {path}");
    }
}

#[test]
fn page_shows_the_numbers_given() {
    let report = rendered(&sample());
    let page = text(&report, "index.html");
    for shown in [
        NOTICE,
        "0.596 <span class=\"spread\">± 0.125 (2 seeds) [0.500, 0.700]</span>",
        "0.251 <span class=\"spread\">± 0.020</span></td>",
        "EfficientNet-B4",
        "Learning rate at the ends of epochs: from 0.01 to 0.001.",
        "Center Gaussian",
        "3 of 4 images right",
        "6 of 8 images right",
        "<summary>The matrix of each seed</summary>",
        "calibration error 0.120",
        "0.87 to 0.93: 1 image, mean probability 0.900, right 0.000 [0.000, 0.793]",
        "Sensitivity at specificity 0.95, mean of the classes",
        "✗ wrong",
        "Heat map of &lt;b&gt;|other",
        "too few",
        "this|run (A, 2 seeds) against other (B, 2 seeds). The unit is the image",
        "<td class=\"text\">Wilcoxon signed-rank</td>",
        "<td>&lt; 0.001</td>",
        "+0.050 <span class=\"spread\">[+0.010, +0.090]</span>",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(
        text(&report, "tables/summary.csv")
            .contains("all,network,accuracy,0.5962,0.125,2,0,0.5,0.7")
    );
    assert!(text(&report, "tables/curves.csv").contains("3,2,1.5,0.5,1.75,0.4,0.001"));
    assert!(text(&report, "tables/confusion.csv").contains("3,acne,viral_warts,1"));
    assert!(text(&report, "tables/diagnosis.csv").contains("all,acne,auroc,0.667,0.02,2,0,,"));
    assert!(text(&report, "tables/summary.csv").contains("all,network,ece,0.12,0.02,2,0,,"));
    assert!(text(&report, "tables/summary.csv").contains("all,network,calibrated_nll,0.8,0.02,2"));
    assert!(text(&report, "tables/robustness.csv").contains("all,network,infidelity,0.015625,"));
    assert!(text(&report, "tables/regression.csv").contains("Number of outlined parts,4,"));
    assert!(text(&report, "tables/reliability.csv").lines().count() == 16);
}

#[test]
fn sections_stand_in_their_order() {
    let report = rendered(&sample());
    let page = text(&report, "index.html");
    let sections = [
        "summary",
        "diagnosis",
        "explanation",
        "comparison",
        "gallery",
        "seeds",
        "curves",
        "run",
        "cite",
        "how-to-read",
    ];
    let places = sections.map(|id| page.find(&format!("<section id=\"{id}\">")).expect(id));
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn undefined_scores_show_as_undefined() {
    let mut input = sample();
    let union = input.evaluation.explanation.get_mut("Plaque").expect("a row");
    union.mass = Score { undefined: 2, ..Score::default() };
    union.f1.undefined = 1;
    union.sensitivity.mean = Some(f64::NAN);
    input.per_seed[0].curves[0].train_loss = f64::NAN;
    input.gallery[0].union_f1 = Some(f64::INFINITY);
    let report = rendered(&input);
    for path in ["index.html", "report.md"] {
        let shown = text(&report, path);
        assert!(shown.contains("undefined (2)") && shown.contains("1 undefined"), "{path}");
        assert!(!shown.contains("NaN") && !shown.contains("inf,"), "{path}");
    }
    let csv = text(&report, "tables/explanation.csv");
    assert!(csv.contains("all,network,Plaque,mass,,,0,2,,"), "{csv}");
}

#[test]
fn collapsed_seeds_and_agreement_are_told_in_words() {
    let markdown = text(&rendered(&sample()), "report.md").to_owned();
    let shown = [
        "Seed 4 may have failed to train: its predictions are as mixed as 1.0 equally frequent classes, the gold \
         classes as 2.0; its accuracy of 0.500 cannot be told from 0.500 by chance (p = 0.69).",
        "for a share of 0.750 (95 %: 0.300 to 0.950) of 4 images; beyond chance (Fleiss' kappa) they agree by undefined.",
        "| Accuracy | 0.596 | 0.125 | 0.088 | 0.500 | 0.700 |",
    ];
    for shown in shown {
        assert!(markdown.contains(shown), "{shown}");
    }
    let mut input = sample();
    input.evaluation.diagnosis.as_mut().expect("diagnosis").collapsed = Some(BTreeMap::new());
    let markdown = text(&rendered(&input), "report.md").to_owned();
    assert!(markdown.contains("None of 2 seeds failed to train."), "{markdown}");
}

#[test]
fn one_seed_shows_the_mean_without_spread() {
    let mut input = sample();
    input.evaluation = input.per_seed[0].record.clone();
    input.per_seed.truncate(1);
    let report = rendered(&input);
    let markdown = text(&report, "report.md");
    assert!(markdown.contains("| Accuracy | 0.750 | 4 images, 2 classes, 1 seed |"), "{markdown}");
    // By hand: two images of each class, so 1/2, and the mean of 2 * 2 / (2 * 2 + 2) and 0.
    for shown in [
        "| Accuracy, Always the most frequent class | 0.500 | for comparison |",
        "| Macro F1, Always the most frequent class | 0.333 | for comparison |",
    ] {
        assert!(markdown.contains(shown), "{shown} is not in {markdown}");
    }
    assert!(markdown.contains("One seed, so no spread."));
    assert!(!markdown.contains(" ± 0."));
    // A map without a network has the same score for every seed, which is no spread.
    let mut input = sample();
    let random = input.evaluation.baselines.get_mut("random").expect("a baseline");
    let equal =
        Score { mean: Some(0.2), std: Some(0.0), seeds: vec![Some(0.2); 2], ..Score::default() };
    random.values_mut().for_each(|scores| scores.f1 = equal.clone());
    let report = rendered(&input);
    for path in ["index.html", "report.md"] {
        assert!(!text(&report, path).contains("± 0.000"), "{path}");
    }
}

#[test]
fn predictions_without_probabilities_show_what_there_is() {
    let mut input = sample();
    let diagnosis = input.evaluation.diagnosis.as_mut().expect("diagnosis");
    (diagnosis.ranking, diagnosis.ece) = (None, None);
    diagnosis.reliability.clear();
    diagnosis.classes.values_mut().for_each(|class| class.ranking = None);
    let report = rendered(&input);
    for path in ["index.html", "report.md"] {
        let shown = text(&report, path);
        assert!(shown.contains("Balanced accuracy"), "{path}");
        assert!(
            !shown.contains("Largest probability") && !shown.contains("# Calibration"),
            "{path}"
        );
    }
    assert!(report.files.iter().all(|(path, _)| !path.contains("reliability")));
}

#[test]
fn empty_input_says_what_is_missing() {
    let report = rendered(&ReportInput::default());
    let paths: Vec<&str> = report.files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["index.html", "report.md", "tables/summary.csv", "tables/summary.tex"]);
    for path in ["index.html", "report.md"] {
        let shown = text(&report, path);
        assert!(shown.contains("No predictions were scored."), "{path}");
        assert!(shown.contains("No heat maps were scored."), "{path}");
        assert!(!shown.contains("Gallery") && !shown.contains("Training curves"), "{path}");
    }
}

#[test]
fn what_was_not_scored_has_no_card() {
    let all = sample();
    let of_maps = ReportInput {
        evaluation: EvalRecord { diagnosis: None, ..all.evaluation.clone() },
        ..all.clone()
    };
    let of_labels = ReportInput {
        evaluation: EvalRecord { explanation: MapTable::new(), ..all.evaluation.clone() },
        ..all.clone()
    };
    for (input, has_diagnosis, has_maps) in
        [(all, true, true), (of_maps, false, true), (of_labels, true, false)]
    {
        let report = rendered(&input);
        let page = text(&report, "index.html");
        assert_eq!(page.contains("<h3>Accuracy</h3>"), has_diagnosis);
        assert_eq!(page.contains("<h3>Heat map: fuzzy F1</h3>"), has_maps);
    }
}

#[test]
fn a_photo_of_another_program_has_no_seed_and_no_prediction() {
    let mut input = sample();
    let item = &mut input.gallery[0];
    (item.seed, item.predicted, item.probability) = (None, None, None);
    (item.explained, item.gold) = (None, String::new());
    let report = rendered(&input);
    for path in ["index.html", "report.md"] {
        assert!(text(&report, path).contains("no gold class"), "{path}");
    }
    let line = "union F1 0.310, mass in mask undefined, raters 3 (agreement 0.500); chosen: ";
    assert!(text(&report, "report.md").contains(line), "{}", text(&report, "report.md"));
    let page = text(&report, "index.html");
    assert!(!page.contains("<dt>Seed</dt>") && !page.contains("name=\"result\""));
}

#[test]
fn a_rate_that_rises_and_falls_is_told_with_its_highest() {
    let mut input = sample();
    let rates = [0.0001, 0.001, 0.00001];
    let point =
        |(epoch, learning_rate)| EpochPoint { epoch, learning_rate, ..EpochPoint::default() };
    input.per_seed[0].curves = rates.into_iter().enumerate().map(point).collect();
    input.per_seed.truncate(1);
    let page = rendered(&input);
    let told = "Learning rate at the ends of epochs: from 0.0001 to 0.00001, at most 0.001.";
    assert!(text(&page, "index.html").contains(told));
}

#[test]
fn page_fetches_nothing() {
    let report = rendered(&sample());
    let page = text(&report, "index.html");
    for attribute in ["src=\"", "href=\""] {
        let mut values = page.split(attribute).skip(1);
        let is_beside = |value: &str| {
            let path = value.split('"').next().unwrap_or_default();
            attribute == "href=\"" && report.files.iter().any(|(found, _)| found == path)
        };
        assert!(values.all(|value| {
            value.starts_with("data:") || value.starts_with('#') || is_beside(value)
        }));
    }
    for fetcher in ["url(", "@import", "<link rel=\"stylesheet", "http:", "https:", "fetch("] {
        assert!(!page.contains(fetcher), "{fetcher}");
    }
}

#[test]
fn same_input_gives_the_same_bytes() {
    assert_eq!(rendered(&sample()), rendered(&sample()));
}

#[test]
fn every_file_that_markdown_names_is_written_once() {
    let report = rendered(&sample());
    let named = text(&report, "report.md").split("](").skip(1);
    let named: Vec<&str> = named.filter_map(|rest| rest.split(')').next()).collect();
    // Leads, skill, two charts, the reliability, three matrices, a comparison, and four pictures of one image.
    assert_eq!(named.len(), 13, "{named:?}");
    for path in named {
        let found = report.files.iter().filter(|(found, _)| found == path);
        assert_eq!(found.count(), 1, "{path}");
    }
}

#[test]
fn names_cannot_break_out_of_any_file() {
    let report = rendered(&named("<script>alert(\"x\")</script>' | & \u{7}\n# heading"));
    let page = text(&report, "index.html");
    assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;alert"));
    let markdown = text(&report, "report.md");
    assert!(!markdown.contains("<script>") && !markdown.contains("\n# heading"));
    assert_markdown_tables_are_rectangles(markdown);
    assert_figures_are_xml(&report);
}

/// What breaks out of a text, an attribute, a script, a style, a comment, or an address.
const INJECTIONS: [&str; 20] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "\" autofocus onfocus=\"alert(1)",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script><![CDATA[",
    "</text></svg><script>alert(1)</script>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "{{ 7 * 7919 }}{% include 'page.css' %}",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href=//evil.example>x</a>",
    "\u{ff1c}script\u{ff1e}alert(1)",
    "`<b>`[x](javascript:alert(1))",
];

#[test]
fn no_name_brings_a_tag_or_an_attribute_into_the_page() {
    for name in INJECTIONS {
        let report = rendered(&named(name));
        // As many tags, and quotes around attributes, as with letters alone, in words that break alike.
        let plain: String = name.chars().map(|c| if c == ' ' { c } else { 'x' }).collect();
        let plain = rendered(&named(&plain));
        for path in ["index.html", "report.md"] {
            let (found, expected) = (text(&report, path), text(&plain, path));
            let count = |text: &str, letter: char| text.matches(letter).count();
            let is_page = path == "index.html";
            for letter in ['<', '>', '"'].into_iter().filter(|_| is_page) {
                assert_eq!(count(found, letter), count(expected, letter), "{name}: {letter}");
            }
            assert!(!found.contains("<script>alert") && !found.contains("55433"), "{name}: {path}");
        }
        assert_markdown_tables_are_rectangles(text(&report, "report.md"));
        assert_figures_are_xml(&report);
    }
}

#[test]
fn markdown_tables_are_rectangles() {
    assert_markdown_tables_are_rectangles(text(&rendered(&sample()), "report.md"));
}

/// Expects one `tabular` with booktabs' rules and as many separators in each row.
fn assert_is_booktabs(path: &str, latex: &str) {
    for part in ["\\begin{tabular}", "\\toprule", "\\midrule", "\\bottomrule", "\\end{tabular}"] {
        assert!(latex.contains(part), "{path} without {part}:\n{latex}");
    }
    assert_eq!(latex.matches("\\begin{tabular}").count(), 1, "{path}");
    let spec = latex.split("\\begin{tabular}{").nth(1).and_then(|rest| rest.split('}').next());
    let num_columns = spec.expect("columns").len();
    let rows = latex.lines().filter(|line| line.ends_with("\\\\"));
    let mut num_rows = 0;
    for row in rows {
        let separators = row.replace("\\&", "").matches('&').count();
        assert_eq!(separators + 1, num_columns, "{path}: {row}");
        num_rows += 1;
    }
    assert!(num_rows >= 2, "{path}: {num_rows} rows");
    let body = latex.lines().filter(|line| !line.starts_with('%')).collect::<String>();
    let opened = body.replace("\\{", "").matches('{').count();
    assert_eq!(opened, body.replace("\\}", "").matches('}').count(), "{path}");
}

/// The paths of the report's files in LaTeX, and their contents.
fn latex_files(report: &RenderedReport) -> Vec<(&str, &str)> {
    let files = report.files.iter().filter(|(path, _)| path.ends_with(".tex"));
    files.map(|(path, bytes)| (path.as_str(), std::str::from_utf8(bytes).expect("UTF-8"))).collect()
}

#[test]
fn each_table_of_the_page_is_one_of_latex() {
    let report = rendered(&sample());
    let files = latex_files(&report);
    let paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
    let expected = [
        "summary",
        "run",
        "by_seed",
        "over_seeds",
        "diagnosis_main",
        "diagnosis",
        "diagnosis_probabilities",
        "explanation",
        "robustness",
        "localization",
        "complexity",
        "regression",
        "by",
        "comparison_1",
        "confusion_all_seeds",
        "confusion_seed_3",
        "confusion_seed_4",
    ];
    assert_eq!(paths, expected.map(|name| format!("tables/{name}.tex")));
    for (path, latex) in &files {
        assert_is_booktabs(path, latex);
    }
    let explanation = files[7].1;
    assert!(
        explanation.contains("Union & 0.030 $\\pm$ 0.020 & 0.251 $\\pm$ 0.020 & "),
        "{explanation}"
    );
    // Without predictions and maps there are the cards, which say so, and nothing else.
    let none = rendered(&ReportInput::default());
    assert_eq!(latex_files(&none).len(), 1, "{:?}", latex_files(&none));
}

#[test]
fn no_name_can_break_out_of_a_table_of_latex() {
    for (path, latex) in latex_files(&rendered(&named("\\input{x} & \\\\ % $ # _ ^ ~ {\n}"))) {
        assert_is_booktabs(path, latex);
    }
}

#[test]
fn picture_that_is_no_jpeg_is_an_error_that_names_it() {
    let mut input = sample();
    input.gallery[0].mask_overlay_jpeg = Some(b"PNG".to_vec());
    let message = render(&input).expect_err("no JPEG").to_string();
    for part in ["acne_1", "mask_overlay_jpeg", "3 bytes", "FF D8"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

/// The sample with one name wherever a name can stand.
fn named(name: &str) -> ReportInput {
    let mut input = sample();
    let diagnosis = input.evaluation.diagnosis.as_mut().expect("diagnosis");
    let scores = diagnosis.classes.remove("acne").expect("a class");
    diagnosis.classes.insert(name.to_owned(), scores);
    diagnosis.confusion_matrices.iter_mut().for_each(|one| one.classes[0] = name.to_owned());
    let maps = input.evaluation.explanation.remove("Plaque").expect("a characteristic");
    input.evaluation.explanation.insert(name.to_owned(), maps);
    let random = input.evaluation.baselines.remove("random").expect("a baseline");
    input.evaluation.baselines.insert(name.to_owned(), random);
    input.evaluation.scoring.insert(name.to_owned(), name.into());
    input.evaluation.classes[0] = name.to_owned();
    let tones = input.evaluation.by.remove("skin_tone").expect("parts");
    input.evaluation.by.insert(name.to_owned(), tones);
    input.evaluation.comparisons[0].sides[1] = name.to_owned();
    input.title = name.to_owned();
    input.gallery_choice = name.to_owned();
    let citation = input.citation.as_mut().expect("a citation");
    citation.name = name.to_owned();
    citation.dataset.0 = name.to_owned();
    let relative = input.evaluation.skill.remove("Union").expect("a skill");
    input.evaluation.skill.insert(name.to_owned(), relative);
    let lead = input.evaluation.leads.remove("random").expect("a lead");
    input.evaluation.leads.insert(name.to_owned(), lead);
    input.run_facts.push((name.to_owned(), name.to_owned()));
    input.notes.push(name.to_owned());
    input.gallery.push(GalleryItem {
        image_id: name.to_owned(),
        gold: name.to_owned(),
        predicted: Some(name.to_owned()),
        photo_jpeg: JPEG.to_vec(),
        mask_overlay_jpeg: Some(JPEG.to_vec()),
        heatmap_overlay_jpeg: JPEG.to_vec(),
        agreement: Some(0.5),
        explained: Some(name.to_owned()),
        raters: vec![RaterOutline { rater: name.to_owned(), color: [1, 2, 3] }],
        other_heatmaps: vec![(name.to_owned(), JPEG.to_vec())],
        ..GalleryItem::default()
    });
    input
}

fn assert_figures_are_xml(report: &RenderedReport) {
    let figures = report.files.iter().filter(|(path, _)| path.ends_with(".svg"));
    for (path, contents) in figures {
        let svg = std::str::from_utf8(contents).expect("UTF-8");
        assert!(roxmltree::Document::parse(svg).is_ok(), "{path}:\n{svg}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_history_draws_with_finite_coordinates(
        losses in prop::collection::vec(prop::num::f64::ANY, 0..6),
    ) {
        let mut input = sample();
        let point = input.per_seed[0].curves[0];
        let points = losses.iter().enumerate();
        let points = points.map(|(epoch, loss)| EpochPoint { epoch, train_loss: *loss, ..point });
        input.per_seed.truncate(1);
        input.per_seed[0].curves = points.collect();
        let report = rendered(&input);
        let charts = report.files.iter().filter(|(path, _)| path == "figures/loss.svg");
        for (_, chart) in charts {
            let chart = String::from_utf8_lossy(chart);
            prop_assert!(!chart.contains("NaN") && !chart.contains("inf"), "{chart}");
        }
    }

    #[test]
    fn any_name_leaves_tables_and_figures_whole(name in "[ -~\n\t|`*_<>&\"'\\\\é–]{0,40}") {
        let report = rendered(&named(&name));
        assert_markdown_tables_are_rectangles(text(&report, "report.md"));
        assert_figures_are_xml(&report);
        let page = text(&report, "index.html");
        prop_assert_eq!(page.matches("<script").count(), 1);
        prop_assert_eq!(page.matches("<img").count(), 8);
    }
}
