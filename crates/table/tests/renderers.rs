//! One table through every renderer, and what each has to escape.

use dermx_table::{
    Cell, Column, Score, Table, csv, escape_markdown, number, readable, unguarded, visible,
};
use proptest::prelude::*;
use serde_json::json;

/// Three classes: a score with all its parts, one with spread alone, and one that is undefined.
fn table() -> Table {
    let columns = [
        Column::text("class").label("Class"),
        Column::count("images").label("Images"),
        Column::score("f1").label("F1").group("Network"),
        Column::mean_and_interval("lead").label("Lead").group("Network").signed(),
        Column::p("p"),
    ];
    let mut table = Table::new("diagnosis", "Diagnosis by class", columns);
    let best = Score {
        std: Some(0.02),
        interval: Some([0.25, 0.375]),
        num_undefined: 2,
        is_best: true,
        ..Score::new(0.3125)
    };
    let lead = Score { interval: Some([-0.125, 0.25]), ..Score::new(0.0625) };
    table.push(["Acne".into(), 74usize.into(), best.into(), lead.into(), Cell::P(0.000_4)]);
    let spread = Score { std: Some(0.5), ..Score::new(0.25) };
    let behind = Score::new(-0.5);
    table.push(["Psoriasis".into(), 8usize.into(), spread.into(), behind.into(), Cell::P(0.25)]);
    let why = |why: &str| Cell::Undefined(why.to_string());
    table.push_summary([
        "All".into(),
        Cell::count_or(None, "–"),
        Cell::from(None),
        why("too few"),
        Cell::p_or(None, ""),
    ]);
    table
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_terminal_shows_aligned_columns() {
    // 0.3125 is halfway between two decimals; the even one is taken, as IEEE 754 says.
    let expected = "\
Diagnosis by class
Class      Images                                  Network F1             Network Lead        p
Acne           74  0.312 ± 0.020 [0.250, 0.375] (2 undefined)  +0.062 [-0.125, +0.250]  < 0.001
Psoriasis       8                               0.250 ± 0.500                   -0.500    0.250
All             –                                   undefined                  too few
";
    assert_eq!(table().terminal(), expected);
}

#[test]
fn wide_letters_take_two_places_on_a_terminal() {
    // Each of the three letters is two columns wide: six in all, and `ab` is filled up with four.
    let mut table = Table::new("t", "", [Column::text("name"), Column::count("n")]);
    table.push(["皮膚科".into(), 1usize.into()]);
    table.push(["ab".into(), 10usize.into()]);
    assert_eq!(table.terminal(), "name     n\n皮膚科   1\nab      10\n");
}

#[test]
fn a_terminal_gets_no_control_characters() {
    let mut table = Table::new("t", "a\nb", [Column::text("x")]);
    table.push(["c\u{1b}[31m\r\nd".into()]);
    assert_eq!(table.terminal(), "a b\nx\nc\\u001b[31m\\u000d d\n");
}

#[test]
fn what_a_terminal_would_obey_is_written_out_and_json_stays_what_it_is() {
    let plain = "größe\t皮膚\n";
    assert!(matches!(visible(plain), std::borrow::Cow::Borrowed(text) if text == plain));
    // Colours, a title of the window, a bell, the end of a line before its end, the old eight-bit escapes,
    // and what turns the direction of reading.
    for (text, shown) in [
        ("\u{1b}[31mred", "\\u001b[31mred"),
        ("\u{1b}]0;title\u{7}", "\\u001b]0;title\\u0007"),
        ("good\rbad", "good\\u000dbad"),
        ("\u{9b}2J", "\\u009b2J"),
        ("\u{7f}\u{0}", "\\u007f\\u0000"),
        ("gpj.\u{202e}exe", "gpj.\\u202eexe"),
        ("a\u{2028}b\u{2066}c", "a\\u2028b\\u2066c"),
    ] {
        assert_eq!(visible(text), shown);
        let json = json!({ text: text }).to_string();
        let read: serde_json::Value = serde_json::from_str(&visible(&json)).unwrap();
        assert_eq!(read, json!({ text: text }));
        assert!(!visible(&json).contains(|c: char| c.is_control()));
    }
}

/// The names of others that a spreadsheet would compute.
const FORMULAS: [&str; 10] = [
    "=cmd|' /C calc'!A0",
    "=HYPERLINK(\"http://x\",\"y\")",
    "+1+cmd",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "-",
    "\u{ff1d}1",
    "'=1",
];

#[test]
fn a_spreadsheet_computes_no_name_and_numbers_stay_numbers() {
    for name in FORMULAS {
        let written = text(csv([[name, "-0.5"]]));
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).from_reader(written.as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(&record[0], format!("'{name}"), "{written}");
        assert_eq!((unguarded(&record[0]), &record[1]), (name, "-0.5"));
    }
    for name in ["-0.5", "+1e-7", "acne-0001", "a=b", "'tis", "", "'"] {
        assert_eq!((text(csv([[name, "x"]])), unguarded(name)), (format!("{name},x\n"), name));
    }
}

#[test]
fn markdown_has_a_rule_that_aligns_and_the_best_in_bold() {
    let expected = "\
Diagnosis by class

| Class | Images | Network F1 | Network Lead | p |
| :--- | ---: | ---: | ---: | ---: |
| Acne | 74 | **0.312** ± 0.020 [0.250, 0.375] (2 undefined) | +0.062 [-0.125, +0.250] | \\< 0.001 |
| Psoriasis | 8 | 0.250 ± 0.500 | -0.500 | 0.250 |
| All | – | undefined | too few |  |
";
    assert_eq!(table().markdown(), expected);
}

#[test]
fn csv_has_a_column_for_each_part_of_a_score_and_nothing_for_what_is_undefined() {
    let expected = "\
class,images,f1,f1_std,f1_low,f1_high,lead,lead_low,lead_high,p
Acne,74,0.3125,0.02,0.25,0.375,0.0625,-0.125,0.25,0.0004
Psoriasis,8,0.25,0.5,,,-0.5,,,0.25
All,,,,,,,,,
";
    assert_eq!(text(table().csv()), expected);
}

#[test]
fn latex_is_a_booktabs_tabular() {
    let expected = "\
% Diagnosis by class
% Needs \\usepackage{booktabs}.
\\begin{tabular}{lrrrr}
\\toprule
Class & Images & Network F1 & Network Lead & p \\\\
\\midrule
Acne & 74 & \\textbf{0.312} $\\pm$ 0.020 [0.250, 0.375] (2 undefined) & +0.062 [$-$0.125, +0.250] & \\textless{} 0.001 \\\\
Psoriasis & 8 & 0.250 $\\pm$ 0.500 & $-$0.500 & 0.250 \\\\
\\midrule
All & -- & undefined & too few &  \\\\
\\bottomrule
\\end{tabular}
";
    assert_eq!(table().latex(), expected);
}

#[test]
fn html_has_headings_of_groups_columns_and_rows() {
    let expected = "\
<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Diagnosis by class\">
<table class=\"dense\">
<caption><span>Diagnosis by class</span></caption>
<thead>
<tr>
<td colspan=\"2\"></td>
<th scope=\"colgroup\" colspan=\"2\" class=\"group starts\">Network</th>
<td colspan=\"1\"></td>
</tr>
<tr>
<th scope=\"col\" class=\"text\">Class</th>
<th scope=\"col\">Images</th>
<th scope=\"col\" class=\"starts\">F1</th>
<th scope=\"col\">Lead</th>
<th scope=\"col\">p</th>
</tr>
</thead>
<tbody>
<tr>
<th scope=\"row\">Acne</th>
<td>74</td>
<td class=\"starts\"><strong>0.312</strong> <span class=\"spread\">± 0.020 [0.250, 0.375]</span> \
<span class=\"note\">(2 undefined)</span></td>
<td>+0.062 <span class=\"spread\">[-0.125, +0.250]</span></td>
<td>&lt; 0.001</td>
</tr>
<tr>
<th scope=\"row\">Psoriasis</th>
<td>8</td>
<td class=\"starts\">0.250 <span class=\"spread\">± 0.500</span></td>
<td>-0.500</td>
<td>0.250</td>
</tr>
<tr class=\"sum\">
<th scope=\"row\">All</th>
<td>–</td>
<td class=\"starts\">undefined</td>
<td>too few</td>
<td></td>
</tr>
</tbody>
</table>
</div>
";
    assert_eq!(table().html(), expected);
}

#[test]
fn json_has_an_object_for_each_row() {
    let found = table().json();
    assert_eq!(found["name"], "diagnosis");
    assert_eq!(found["columns"][2], json!({"name": "f1", "label": "Network F1"}));
    let expected = json!([
        {"class": "Acne", "images": 74,
         "f1": {"mean": 0.3125, "std": 0.02, "interval": [0.25, 0.375]},
         "lead": {"mean": 0.0625, "interval": [-0.125, 0.25]}, "p": 0.0004},
        {"class": "Psoriasis", "images": 8,
         "f1": {"mean": 0.25, "std": 0.5, "interval": null},
         "lead": {"mean": -0.5, "interval": null}, "p": 0.25},
        {"class": "All", "images": null, "f1": null, "lead": null, "p": null},
    ]);
    assert_eq!(found["rows"], expected);
}

#[test]
fn an_empty_table_is_its_header() {
    let table = Table::new("t", "Nothing", [Column::text("a"), Column::score("b")]);
    assert_eq!(table.terminal(), "Nothing\na  b\n");
    assert_eq!(table.markdown(), "Nothing\n\n| a | b |\n| :--- | ---: |\n");
    assert_eq!(text(table.csv()), "a,b,b_std,b_low,b_high\n");
    assert!(table.latex().contains("\\toprule\na & b \\\\\n\\midrule\n\\bottomrule\n"));
    assert!(table.html().contains("<tbody>\n</tbody>"));
    assert_eq!(table.json()["rows"], json!([]));
}

/// A table of one text.
fn of_text(text: &str) -> Table {
    let mut table = Table::new("t", text, [Column::text("a"), Column::text("b")]);
    table.push([text.into(), "x".into()]);
    table
}

#[test]
fn each_renderer_escapes_what_it_would_read_as_its_own() {
    let markdown = of_text("a|b\n`c` *d* <e>").markdown();
    assert!(markdown.ends_with("| a\\|b \\`c\\` \\*d\\* \\<e\\> | x |\n"), "{markdown}");
    let csv = text(of_text("say \"a, b\"\nc").csv());
    assert_eq!(csv, "a,b\n\"say \"\"a, b\"\"\nc\",x\n");
    let latex = of_text("_ & % $ # { } ~ ^ \\ < >\n|").latex();
    let line = "\\_ \\& \\% \\$ \\# \\{ \\} \\textasciitilde{} \\textasciicircum{} \
                \\textbackslash{} \\textless{} \\textgreater{} \\textbar{} & x \\\\\n";
    assert!(latex.contains(line), "{latex}");
    // The title is one line of comment.
    assert!(latex.starts_with("% _ & % $ # { } ~ ^ \\ < > |\n% Needs"), "{latex}");
    // After a line break a bracket would be its option.
    assert!(of_text("[x]").latex().contains("\n{}[x] & x \\\\\n"));
    let html = of_text("<b> & \"c\" 'd'").html();
    let escaped = "&lt;b&gt; &amp; &quot;c&quot; &#x27;d&#x27;";
    for place in [
        format!("<th scope=\"row\">{escaped}</th>"),
        format!("aria-label=\"{escaped}\""),
        format!("<span>{escaped}</span>"),
    ] {
        assert!(html.contains(&place), "{place}: {html}");
    }
}

#[test]
fn markdown_shows_special_characters_as_they_are() {
    assert_eq!(escape_markdown("a|b <script>\n# c"), "a\\|b \\<script\\> \\# c");
    assert_eq!(escape_markdown("- x_y - z"), "\\- x\\_y - z");
}

#[test]
fn a_number_without_decimals_has_three_significant_digits() {
    let texts = [0.0, 0.012_34, 5.7, 9.999, 123.4, 45_678.9, 1.2e-7, -0.5, 2.5e12].map(number);
    let expected = ["0", "0.0123", "5.70", "10.0", "123", "45679", "1.20e-7", "-0.500", "2.50e12"];
    assert_eq!(texts, expected);
}

#[test]
fn what_is_not_finite_is_undefined_everywhere() {
    let mut table = Table::new("t", "", [Column::score("a"), Column::p("p")]);
    let score = Score { std: Some(f64::INFINITY), ..Score::new(0.5) };
    table.push([f64::NAN.into(), Cell::P(f64::NAN)]);
    table.push([score.into(), Cell::P(0.5)]);
    assert_eq!(
        table.terminal(),
        "        a          p\nundefined  undefined\n    0.500      0.500\n"
    );
    assert_eq!(text(table.csv()), "a,a_std,a_low,a_high,p\n,,,,\n0.5,,,,0.5\n");
    assert_eq!(table.json()["rows"][0], json!({"a": null, "p": null}));
}

#[test]
fn a_row_that_is_too_short_is_filled_up() {
    let mut table = Table::new("t", "", [Column::text("a"), Column::text("b")]);
    table.push(["x".into()]);
    assert_eq!(text(table.csv()), "a,b\nx,\n");
    assert!(table.latex().contains("x &  \\\\\n"));
}

proptest! {
    #[test]
    fn a_guarded_name_reads_back_as_it_was(name in "['=+@\t\r0-9a-]{0,6}") {
        let written = csv([[&*name, "x"]]);
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(&written[..]);
        let record = reader.records().next().unwrap().unwrap();
        prop_assert_eq!(unguarded(&record[0]), &name);
        let readable = readable(&name);
        prop_assert_eq!(unguarded(&readable), &name);
        let is_formula = record[0].starts_with(['=', '+', '-', '@', '\t', '\r']);
        prop_assert!(!is_formula || record[0].parse::<f64>().is_ok(), "{:?}", record);
    }

    // What Python's `csv` reads by default: quotes doubled, any line break inside of quotes.
    #[test]
    fn csv_reads_back_as_it_was(
        rows in prop::collection::vec(prop::collection::vec("[ -~\"',;\r\n\té皮]{0,8}", 3), 1..6)
    ) {
        let bytes = csv(&rows);
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]);
        let found: Vec<Vec<String>> = reader
            .records()
            .map(|record| record.unwrap().iter().map(|cell| unguarded(cell).to_string()).collect())
            .collect();
        prop_assert_eq!(found, rows);
    }

    #[test]
    fn numbers_in_csv_read_back_to_the_last_bit(value in prop::num::f64::NORMAL) {
        let mut table = Table::new("t", "", [Column::number("a")]);
        table.push([value.into()]);
        let found = text(table.csv());
        prop_assert_eq!(found.lines().nth(1).unwrap().parse::<f64>().unwrap(), value);
    }

    #[test]
    fn every_row_of_latex_has_as_many_separators(cells in prop::collection::vec("[ -~]{0,8}", 2)) {
        let mut table = Table::new("t", "", [Column::text("a"), Column::text("b")]);
        table.push(cells.iter().map(Cell::from));
        let latex = table.latex();
        let row = latex.lines().nth(5).unwrap().replace("\\&", "");
        prop_assert_eq!(row.matches('&').count(), 1, "{}", latex);
    }
}
