//! The results of a sweep put together.

use crate::certificate::{self, Certificate};
use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::image_manifests::{TEST, TRAIN};
use crate::run_folder::{REPORT, RunFolder, SPLIT, SeedFolder, resolved};
use crate::training::{Training, unresolved};
use crate::{evaluate, report};
use dermx_data::write_atomic;
use dermx_eval::{
    ClassScores, DiagnosisScores, EvalRecord, LabelRecord, MapScores, MapTable, Score,
    ScoredDataset, UNION, aggregate,
};
use dermx_report::score_cell;
use dermx_sweep::{Kind, Status, Sweep, Unit};
use dermx_table::{Cell, Column, Table};
use rayon::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::mem::take;
use std::path::{Path, PathBuf};

/// A unit's result.
struct Done<'a> {
    unit: &'a Unit,
    certificate: Certificate,
    record: EvalRecord,
}

/// The part of `eval.json` that is put together; all of it, of ten thousand units, fills memory.
#[derive(Deserialize)]
struct Tables {
    notice: String,
    dataset: ScoredDataset,
    classes: Vec<String>,
    diagnosis: Option<DiagnosisScores>,
    labels: Option<LabelRecord>,
    explanation: MapTable,
}

/// Writes into `collected/`: `units.csv` (a row for each unit), `groups.csv` (means over seeds; for people
/// `tables.md`), and of every group `diagnosis.csv` by class and `explanation.csv` by characteristic. With
/// `report`, the seeds of each group are also scored together in `GROUP/`, and get the report of a run of
/// several seeds. What to print.
///
/// # Errors
/// Units without result (unless `partial`), or results of other code or data than the others'.
pub fn collect(
    sweep: &Sweep,
    partial: bool,
    report: bool,
    context: Context<'_>,
) -> RunResult<String> {
    if sweep.plan().units.iter().any(|unit| unit.kind == Kind::Trial) {
        let folder = sweep.path().display();
        let message = format!(
            "{folder}: the folder of a search; `dermx search --config CONFIG --run {folder} --resume` \
             makes its table"
        );
        return Err(RunError::usage(message));
    }
    let status = Status::read(sweep)?;
    let missing = status.num_units - status.num_done;
    if missing > 0 && !partial {
        let message = format!(
            "{missing} of {} units have no result; --partial collects the rest\n{}",
            status.num_units,
            status.text()
        );
        return Err(RunError::missing_input(message));
    }
    let mut groups: BTreeMap<&str, Vec<&Unit>> = BTreeMap::new();
    for unit in sweep.plan().units.iter().filter(|unit| is_accepted(sweep, unit)) {
        groups.entry(&unit.group).or_default().push(unit);
    }
    let out = sweep.path().join("collected");
    let collected: Vec<Group> = groups
        .par_iter()
        .map(|(name, units)| Group::collect(sweep, name, units))
        .collect::<RunResult<_>>()?;
    check_origins(&collected.iter().flat_map(|group| &group.origins).collect::<Vec<_>>())?;
    std::fs::create_dir_all(&out).map_err(|error| RunError::io(&out, &error))?;
    let for_people = groups_table(&collected);
    let tables = [units_table(&collected), diagnosis(&collected), explanation(&collected)];
    for table in tables.iter().chain([&for_people]) {
        write_atomic(&out.join(format!("{}.csv", table.name)), &table.csv())?;
    }
    write_atomic(&out.join("tables.md"), for_people.markdown().as_bytes())?;
    let mut text = format!("{}\ncollected: {}\n", for_people.terminal(), out.display());
    if report {
        for (name, units) in &groups {
            let page = score_together(sweep, units, &out.join(name), context)?;
            text += &format!("report: {}\n", page.display());
        }
    }
    Ok(text)
}

fn is_accepted(sweep: &Sweep, unit: &Unit) -> bool {
    sweep.path().join("accepted").join(&unit.name).exists()
}

/// What a group of units that differ by their seed came to.
struct Group {
    name: String,
    /// Configuration, fold, and swept keys.
    setting: [Cell; 3],
    /// The rows of its units.
    units: Vec<Vec<Cell>>,
    /// Scores over the seeds.
    record: EvalRecord,
    origins: Vec<Origin>,
}

/// A row for each unit.
fn units_table(groups: &[Group]) -> Table {
    let texts = ["unit", "config", "fold", "set", "seed"].map(Column::text);
    let scores = SCORES.map(|(name, _)| Column::number(name));
    let columns = texts.into_iter().chain(scores).chain([Column::text("weights_hash")]);
    let mut table = Table::new("units", "Units", columns);
    for row in groups.iter().flat_map(|group| &group.units) {
        table.push(row.iter().cloned());
    }
    table
}

/// Means over the seeds of each group.
fn groups_table(groups: &[Group]) -> Table {
    let texts = ["group", "config", "fold", "set"].map(Column::text);
    let means = SCORES.map(|(name, label)| Column::mean_and_std(name).label(label));
    let columns = texts.into_iter().chain([Column::count("seeds")]).chain(means);
    let mut table = Table::new("groups", "Means over seeds ± sample standard deviation", columns);
    for Group { name, setting, units, record, .. } in groups {
        let names = [name.into()].into_iter().chain(setting.iter().cloned());
        let absent = || Cell::Undefined(String::new());
        let scores = scores(record).map(|score| score.map_or_else(absent, score_cell));
        table.push(names.chain([units.len().into()]).chain(scores));
    }
    table
}

fn diagnosis(groups: &[Group]) -> Table {
    let mut table = scores_table("diagnosis", "class", &["f1", "sensitivity", "specificity"]);
    for Group { name, record, .. } in groups {
        let classes = record.diagnosis.iter().flat_map(|one| &one.classes);
        for (class, ClassScores { f1, sensitivity, specificity, .. }) in classes {
            let scores = [f1, sensitivity, specificity].map(score_cell);
            table.push([name.into(), class.into()].into_iter().chain(scores));
        }
    }
    table
}

fn explanation(groups: &[Group]) -> Table {
    let names = ["f1", "sensitivity", "specificity", "mass"];
    let mut table = scores_table("explanation", "characteristic", &names);
    for Group { name, record, .. } in groups {
        for (characteristic, scores) in &record.explanation {
            let MapScores { f1, sensitivity, specificity, mass, .. } = scores;
            let scores = [f1, sensitivity, specificity, mass].map(score_cell);
            table.push([name.into(), characteristic.into()].into_iter().chain(scores));
        }
    }
    table
}

fn scores_table(name: &str, of: &str, scores: &[&str]) -> Table {
    let scores = scores.iter().map(|score| Column::mean_and_std(score));
    let columns = ["group", of].map(Column::text).into_iter().chain(scores);
    Table::new(name, "", columns)
}

/// The scores that sum up a unit or a group, and what people call them.
const SCORES: [(&str, &str); 4] = [
    ("accuracy", "accuracy"),
    ("macro_f1", "macro-F1"),
    ("union_f1", "union F1"),
    ("union_mass", "union mass"),
];

/// What results that are compared must have in common.
struct Origin {
    unit: String,
    config: String,
    program: [(&'static str, String); 3],
    data: [(&'static str, String); 2],
}

impl Group {
    fn collect(sweep: &Sweep, name: &str, units: &[&Unit]) -> RunResult<Self> {
        let mut done: Vec<Done<'_>> =
            units.iter().map(|unit| Done::read(sweep, unit)).collect::<RunResult<_>>()?;
        done.sort_by_key(|one| one.unit.seed);
        let rows = done.iter().map(Done::row).collect();
        let origins = done.iter().map(Done::origin).collect();
        let records: Vec<EvalRecord> = done.iter_mut().map(|one| take(&mut one.record)).collect();
        Ok(Self {
            name: name.to_string(),
            setting: setting_cells(units.first().copied()),
            units: rows,
            record: aggregate(&records)?,
            origins,
        })
    }
}

impl<'a> Done<'a> {
    fn read(sweep: &Sweep, unit: &'a Unit) -> RunResult<Self> {
        let folder = SeedFolder::of(&sweep.run(unit), unit.seed);
        let path = folder.eval();
        let bytes = std::fs::read(&path).map_err(|error| RunError::io(&path, &error))?;
        let name = format!("seed-{}/eval.json", unit.seed);
        certificate::check_bytes(&sweep.run(unit), &name, &bytes)?;
        let Tables { notice, dataset, classes, diagnosis, labels, explanation } =
            report::scores(&path, &bytes)?;
        let seeds = vec![unit.seed];
        let others = EvalRecord::default();
        let record = EvalRecord {
            notice,
            dataset,
            classes,
            seeds,
            diagnosis,
            labels,
            explanation,
            ..others
        };
        Ok(Self { unit, certificate: certificate::read(&folder)?, record })
    }

    fn row(&self) -> Vec<Cell> {
        let mut row = vec![(&self.unit.name).into()];
        row.extend(setting_cells(Some(self.unit)));
        row.push(self.unit.seed.to_string().into());
        row.extend(scores(&self.record).map(|score| score.and_then(|one| one.mean).into()));
        row.push((&self.certificate.result.weights_file_hash).into());
        row
    }

    fn origin(&self) -> Origin {
        let Certificate { result, made_with } = &self.certificate;
        let test = result.test_images.as_ref().map_or("none", |images| images.hash.as_str());
        Origin {
            unit: self.unit.name.clone(),
            config: self.unit.config.clone(),
            program: [
                ("commit", made_with.commit.clone()),
                ("Cargo.lock", made_with.cargo_lock_hash.clone()),
                ("backend", made_with.backend.clone()),
            ],
            data: [
                ("training images", result.train_images.hash.clone()),
                ("test images", test.to_string()),
            ],
        }
    }
}

/// Refuses results of two programs, or within a configuration of two data sets.
fn check_origins(origins: &[&Origin]) -> RunResult<()> {
    let Some(first) = origins.first() else { return Ok(()) };
    let mut of_config: BTreeMap<&str, &Origin> = BTreeMap::new();
    for origin in origins {
        let same_config = *of_config.entry(&origin.config).or_insert(origin);
        let pairs = first.program.iter().zip(&origin.program).map(|pair| (first, pair));
        let data = same_config.data.iter().zip(&origin.data).map(|pair| (&same_config, pair));
        let differing = pairs.chain(data).find(|(_, (one, other))| one.1 != other.1);
        if let Some((with, ((what, one), (_, other)))) = differing {
            let message = format!(
                "results are mixed: {what} of {} is {one}, of {} {other}; run all units with the \
                 same program and data",
                with.unit, origin.unit
            );
            return Err(RunError::bad_data(message));
        }
    }
    Ok(())
}

/// Configuration, fold, and swept keys.
fn setting_cells(unit: Option<&Unit>) -> [Cell; 3] {
    let texts = unit.map(|unit| {
        let fold = unit.fold.map_or(String::new(), |fold| fold.to_string());
        [unit.config.clone(), fold, unit.set.join(" ")]
    });
    texts.unwrap_or_default().map(Cell::from)
}

/// Those of [`SCORES`].
fn scores(record: &EvalRecord) -> [Option<&Score>; 4] {
    let union = record.explanation.get(UNION);
    [
        record.diagnosis.as_ref().map(|one| &one.accuracy),
        // Of several labels it is theirs.
        (record.diagnosis.as_ref().map(|one| &one.macro_f1))
            .or(record.labels.as_ref().map(|one| &one.macro_f1)),
        union.map(|scores| &scores.f1),
        union.map(|scores| &scores.mass),
    ]
}

/// Makes of the units' folders a run of several seeds in `folder`, and scores it; its page.
fn score_together(
    sweep: &Sweep,
    units: &[&Unit],
    folder: &Path,
    context: Context<'_>,
) -> RunResult<PathBuf> {
    let Some(first) = units.first() else { return Ok(folder.to_path_buf()) };
    let mut config = unresolved(&sweep.resolve(first, &Training::new(context))?)?;
    config.run.seeds = units.iter().map(|unit| unit.seed).collect();
    config.run.seeds.sort_unstable();
    std::fs::create_dir_all(folder).map_err(|error| RunError::io(folder, &error))?;
    let comment = "The configuration of a group of a sweep.";
    write_atomic(&folder.join("config.toml"), resolved(&config, comment)?.as_bytes())?;
    // The images are those of each of them, the machine is that of one; it is for the reader.
    for name in ["environment.json", SPLIT, TRAIN, TEST] {
        let from = sweep.run(first).join(name);
        if from.exists() {
            link_file(&from, &folder.join(name))?;
        }
    }
    for unit in units {
        let from = SeedFolder::of(&sweep.run(unit), unit.seed);
        link(&from, &SeedFolder::of(folder, unit.seed))?;
    }
    let run = RunFolder::resume(folder, Some(&config), true)?;
    evaluate::evaluate_run(&run)?;
    let page = report::write(folder, &folder.join(REPORT))?;
    certificate::write_run(&run, &config, context.session)?;
    Ok(page)
}

/// The files that a seed's certificate covers, under another name: they are not copied.
fn link(from: &SeedFolder, to: &SeedFolder) -> RunResult<()> {
    for (from, to) in [
        (from.predictions(), to.predictions()),
        (from.weights(), to.weights()),
        (from.metrics(), to.metrics()),
        (from.metrics_csv(), to.metrics_csv()),
        (from.event_file(), to.event_file()),
        (from.certificate(), to.certificate()),
    ] {
        link_file(&from, &to)?;
    }
    let maps = from.heatmaps();
    let mut folders = vec![(maps, to.heatmaps())];
    while let Some((from, to)) = folders.pop() {
        let error = |error| RunError::io(&from, &error);
        for entry in std::fs::read_dir(&from).map_err(error)? {
            let entry = entry.map_err(error)?;
            let name = to.join(entry.file_name());
            match entry.file_type().map_err(error)?.is_dir() {
                true => folders.push((entry.path(), name)),
                false => link_file(&entry.path(), &name)?,
            }
        }
    }
    Ok(())
}

fn link_file(from: &Path, to: &Path) -> RunResult<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(|error| RunError::io(folder, &error))?;
    }
    match std::fs::hard_link(from, to) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(RunError::io(to, &error))
        }
        _ => Ok(()),
    }
}
