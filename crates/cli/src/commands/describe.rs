//! `dermx dataset describe`.

use crate::args::DescribeArgs;
use crate::error::CliResult;
use crate::output;
use crate::terminal::{print, tell};
use dermx_data::{Description, StudyCounts, describe, write_atomic};
use dermx_run::{DatasetReport, is_dataset_report, names_classes};
use dermx_score::to_json;
use dermx_table::{Cell, Column, Table, by_name};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Files that are not read which the text names; --json names all.
const MAX_SHOWN: usize = 10;

/// What describes the whole of a data set in a file.
const DESCRIPTION: &str = "description.json";

/// Prints counts, Table 1, Table 4's DermX row and the labels of a data set, and writes the page about it.
///
/// # Errors
/// A data set that cannot be read, a folder that cannot be written to.
pub fn run(args: &DescribeArgs) -> CliResult<()> {
    let inputs = output::inputs([Some(args.data.as_path()), args.images.as_deref()]);
    let is_own = |path: &Path| path == Path::new(DESCRIPTION) || is_dataset_report(path);
    let out = args.out.as_ref().map(|out| output::folder(out, args.overwrite, &inputs, is_own));
    let out = out.transpose()?;
    let dataset = dermx_formats::open(&args.data)?;
    let description = describe(&dataset);
    if let Some(out) = out {
        write_atomic(&out.path().join(DESCRIPTION), &to_json(&description)?)?;
        if args.report {
            let report = DatasetReport {
                dataset: &dataset,
                description: &description,
                images: args.images.as_deref(),
                num_samples: args.samples,
            };
            let page = out.place_of(&report.write(&out.path())?);
            out.finish()?;
            tell(format!("report: {}", page.display()));
        } else {
            out.finish()?;
        }
    }
    match args.json {
        true => print(to_json(&description)?),
        false => print(text(&description, names_classes(&dataset))),
    }
}

fn text(description: &Description, names_classes: bool) -> String {
    let counts = &description.counts;
    let mut out = String::new();
    let mut line = |text: String| {
        // Writing into a string cannot fail.
        let _ = writeln!(out, "{text}");
    };
    let is_study = description.study.is_some();
    match is_study {
        true => line(format!("{} evaluations, {} images", counts.evaluations, counts.images)),
        false => line(format!(
            "{} images; {} readings, of {} of them",
            description.num_images, counts.evaluations, counts.images
        )),
    }
    if is_study || counts.evaluations > 0 {
        line(format!("{} raters: {}", description.raters.len(), description.raters.join(", ")));
        line(format!("{} discarded", counts.discarded));
        line(format!(
            "{} accepted / {} images",
            counts.accepted_evaluations, counts.accepted_images
        ));
    }
    if names_classes {
        line(format!("{} single / {} images", counts.single_evaluations, counts.single_images));
    }
    for (name, values) in &description.attributes {
        line(format!("{}: {}", name.replace('_', " "), tally(values)));
    }
    match &description.study {
        Some(study) => line(format!("\n{}", images(study).terminal())),
        None => line(format!("classes: {}", or_none(&description.images_per_class))),
    }
    if description.images_without_class > 0 {
        line(format!("{} images have no gold class", description.images_without_class));
    }
    if description.images_of_several_classes > 0 {
        line(format!("{} images have several gold classes", description.images_of_several_classes));
    }
    line("Labels".to_string());
    for (kind, labels) in &description.ontology {
        line(format!("{kind}: {}", or_none(labels)));
    }
    if !description.respelled.is_empty() {
        line(format!("\nother spellings: {}", tally(&description.respelled)));
    }
    for (round, number) in description.evaluations_per_round.iter().filter(|(round, _)| **round > 1)
    {
        line(format!("\n{number} evaluations are of round {round}"));
    }
    if description.images_without_metadata > 0 {
        line(format!(
            "\n{} annotated images, with {} evaluations, are no images of the data set",
            description.images_without_metadata, description.evaluations_without_metadata
        ));
    }
    // Labels alone are a data set, too.
    if description.images_without_evaluation > 0 && (is_study || counts.evaluations > 0) {
        let num = description.images_without_evaluation;
        line(format!("\n{num} images are not annotated"));
    }
    if description.outlines_outside > 0 {
        let num = description.outlines_outside;
        line(format!("\n{num} outlines lie outside of their image and have no pixel"));
    }
    if !description.not_read.is_empty() {
        let paths = description.not_read.iter().map(|path| path.display().to_string());
        let shown = paths.take(MAX_SHOWN).collect::<Vec<_>>().join(", ");
        let num = description.not_read.len();
        let more = if num > MAX_SHOWN { ", ..." } else { "" };
        line(format!("\n{num} files or folders are not read: {shown}{more}"));
    }
    if description.study.is_some() && !description.has_mask_files {
        line("\nThere are no mask files; masks come from the polygons.".to_string());
    }
    out
}

/// Table 1 and the DermX row of Table 4.
fn images(study: &StudyCounts) -> Table {
    let title = "Tables 1 and 4: images with a single diagnosis, by source and class";
    let classes: Vec<&String> = study.table_4_dermx.keys().collect();
    let counts = classes.iter().map(|class| Column::count(class));
    let columns = std::iter::once(Column::text("source")).chain(counts);
    let mut table = Table::new("table_1", title, columns.chain([Column::count("total")]));
    let cells = |source: &str, row: &BTreeMap<String, usize>| -> Vec<Cell> {
        let numbers: Vec<usize> =
            classes.iter().map(|class| row.get(*class).copied().unwrap_or(0)).collect();
        let total: usize = numbers.iter().sum();
        let numbers = numbers.into_iter().chain([total]).map(Cell::from);
        std::iter::once(source.into()).chain(numbers).collect()
    };
    for (source, row) in &study.table_1 {
        table.push(cells(source, row));
    }
    table.push_summary(cells("DermX (Table 4)", &study.table_4_dermx));
    table
}

fn or_none(counts: &BTreeMap<String, usize>) -> String {
    if counts.is_empty() { "none".into() } else { tally(counts) }
}

fn tally(counts: &BTreeMap<String, usize>) -> String {
    let part = |(name, count): (&String, &usize)| match name.as_str() {
        "" => format!("no value {count}"),
        name => format!("{name} {count}"),
    };
    by_name(counts).into_iter().map(part).collect::<Vec<_>>().join(", ")
}
