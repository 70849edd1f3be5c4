//! That a page claims what its intervals say, and leads to what it is made of.

use super::sample::sample;
use super::{assert_figures_are_xml, rendered, text};
use dermx_eval::{NOTICE, Score};
use dermx_report::{ComparisonPage, RenderedReport, ReportInput, render_comparisons};

/// Addresses of the page that are neither places on it nor data.
fn links(page: &str) -> Vec<&str> {
    let values = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    values.filter(|value| !value.starts_with('#') && !value.starts_with("data:")).collect()
}

#[test]
fn every_table_and_figure_has_links_to_its_files() {
    let report = rendered(&sample());
    let page = text(&report, "index.html");
    let found = links(page);
    for path in &found {
        assert!(report.files.iter().any(|(file, _)| file == path), "no {path}");
    }
    // Whatever lies beside the page is linked; the Markdown shows the photos.
    let is_linked = |path: &str| {
        found.contains(&path)
            || ["index.html", "report.md"].contains(&path)
            || path.ends_with(".jpg")
    };
    // All comparisons in one, for programs.
    let hidden = ["tables/comparisons.csv"];
    for (path, _) in &report.files {
        let is_hidden = hidden.iter().any(|start| path.starts_with(start));
        assert!(is_linked(path) || is_hidden, "no link to {path}");
    }
    let num_regions = page.matches("<table").count();
    let num_csv = found.iter().filter(|path| path.ends_with(".csv")).count();
    assert!(num_csv >= num_regions, "{num_csv} of {num_regions} tables");
}

/// The texts of a page, without tags, styles and scripts.
fn words(page: &str) -> String {
    let body = page.split("<body>").nth(1).and_then(|rest| rest.split("<script>").next());
    let parts = body.expect("a body").split('<').skip(1);
    let texts = parts.filter_map(|part| part.split_once('>')).map(|(_, text)| text);
    texts.collect::<Vec<_>>().join(" ").replace("&#x2f;", "/")
}

#[test]
fn facts_are_words() {
    let report = rendered(&sample());
    let words = words(text(&report, "index.html"));
    for shown in
        ["1000 resamples, seed 0", "Classes exchanged", "all masks of the images that are scored"]
    {
        assert!(words.contains(shown), "{shown}: {words}");
    }
    // The entry of BibTeX has braces of its own.
    let (before, after) = words.split_once("@misc").expect("an entry");
    let after = after.split_once("\n}").expect("its end").1;
    // What is called "acne_1" is an image.
    for text in [before, after].map(|text| text.replace("acne_1", "")) {
        for sign in ["{", "}", "null", "kept_images", "num_resamples", "class_exchange", "_"] {
            assert!(!text.contains(sign), "{sign}: {text}");
        }
    }
}

#[test]
fn a_run_is_cited_by_version_data_and_certificate() {
    let report = rendered(&sample());
    let page = text(&report, "index.html");
    for shown in ["Cite this run", "@misc{dermx:small", "5dff07b8", "ab12cd34", "version 0.2.0"] {
        assert!(page.contains(shown), "{shown}");
    }
    let without = rendered(&ReportInput { citation: None, ..sample() });
    assert!(!text(&without, "index.html").contains("Cite this run"));
}

#[test]
fn pictures_show_each_interval_beside_its_numbers() {
    let report = rendered(&sample());
    let leads = text(&report, "figures/leads.svg");
    // Of random maps both are ahead, of the Gaussian the mass cannot be told.
    assert_eq!(
        (leads.matches("<g class=\"above\"").count(), leads.matches("<g class=\"open\"").count()),
        (3, 1)
    );
    assert!(leads.contains("+0.011 [-0.010, +0.030]"), "{leads}");
    let skill = text(&report, "figures/skill.svg");
    assert!(
        skill.contains("<rect class=\"band\"") && skill.contains("+0.030 (no interval)"),
        "{skill}"
    );
    let page = text(&report, "index.html");
    let place = |part: &str| page.find(part).unwrap_or_else(|| panic!("no {part}"));
    let order = [place("class=\"headline\""), place("class=\"band\""), place("class=\"cards\"")];
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn skill_comes_first_and_is_bold_only_where_its_interval_is_above_zero() {
    let mut input = sample();
    let skill = &mut input.evaluation.skill.get_mut("Union").expect("a row").skill;
    skill.interval = Some([-0.01, 0.07]);
    let row = |input: &ReportInput| {
        let markdown = text(&rendered(input), "report.md").to_owned();
        let heading = "## Explanation";
        let table = markdown.split(heading).nth(1).expect("a table").to_owned();
        let row = table.lines().find(|line| line.starts_with("| Union |")).map(str::to_owned);
        row.expect("a row")
    };
    assert!(
        row(&input).starts_with("| Union | 0.030 ± 0.020 [-0.010, 0.070] | 0.251"),
        "{}",
        row(&input)
    );
    let skill = &mut input.evaluation.skill.get_mut("Union").expect("a row").skill;
    skill.interval = Some([0.01, 0.07]);
    assert!(
        row(&input).starts_with("| Union | **0.030** ± 0.020 [0.010, 0.070] |"),
        "{}",
        row(&input)
    );
}

#[test]
fn an_interval_of_no_width_is_left_out() {
    let mut input = sample();
    let diagnosis = input.evaluation.diagnosis.as_mut().expect("diagnosis");
    diagnosis.macro_f1 = Score { interval: Some([1.0, 1.0]), mean: Some(1.0), ..Score::default() };
    let report = rendered(&input);
    for path in ["index.html", "report.md"] {
        assert!(!text(&report, path).contains("[1.000, 1.000]"), "{path}");
    }
}

#[test]
fn gallery_says_how_it_was_chosen_and_has_all_of_the_larger_view_without_a_script() {
    let report = rendered(&sample());
    let page = text(&report, "index.html");
    for shown in [
        "One photo of one that could be shown.",
        "data-chosen=\"first worst\"",
        "first of its class, among the worst",
        "The heat map explains acne, whose probability is 0.200.",
        "linear-gradient(to right, #000004, #fcffa4)",
        "<span class=\"swatch\" style=\"background:#00e5ff\"></span> bob",
        "<option value=\"worst\">among the worst</option>",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
}

#[test]
fn the_page_of_a_comparison_claims_by_intervals_and_links_to_its_files() {
    let input = sample();
    let page = ComparisonPage {
        title: "Two <runs>".to_owned(),
        comparisons: input.evaluation.comparisons,
        pages: vec![("this|run".to_owned(), "this run/index.html".to_owned())],
    };
    let report = RenderedReport { files: render_comparisons(&page).expect("a page") };
    let html = text(&report, "index.html");
    for shown in [
        "In fuzzy F1 of the heat maps (union) this|run is above other.",
        "over 12 images, 95 % interval +0.010 to +0.090, p after Holm&#x27;s correction 0.012",
        "<a href=\"this%20run/index.html\">this|run</a>",
        "Two &lt;runs&gt;",
        NOTICE,
    ] {
        assert!(html.contains(shown), "{shown}: {html}");
    }
    for path in ["tables/comparison_1.csv", "tables/comparison_1.tex", "figures/comparison_1.svg"] {
        assert!(!text(&report, path).is_empty() && html.contains(path), "{path}");
    }
    assert_figures_are_xml(&report);
}
