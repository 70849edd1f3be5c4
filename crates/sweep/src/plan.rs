//! The plan of a sweep: its folder, its units, and their configurations.

use crate::error::{SweepError, SweepResult};
use crate::folder::DiskFolder;
use crate::launcher::Launcher;
use crate::range::choices;
use crate::unit::{Unit, units};
use dermx_data::{json, to_json, write_atomic};
use dermx_work::{Kind, Resolved, Resources, Source, Work};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

const PLAN: &str = "plan.json";

/// The version of the format.
const FORMAT: u32 = 1;

/// What a sweep is to be made of.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// Configurations, by names that the work knows.
    pub configs: Vec<String>,
    /// Seeds; those of each configuration without.
    pub seeds: Option<Vec<u64>>,
    /// Folds, each of which becomes `split.fold`.
    pub folds: Vec<u64>,
    /// Changed keys, `section.key=value[,value...]`: each value is tried with each of the others.
    pub sets: Vec<String>,
    /// Who runs the units.
    pub launcher: Launcher,
    /// Units at once on one machine.
    pub jobs: NonZeroUsize,
    /// Seconds without a sign of life after which a unit is given to another process.
    pub lease: NonZeroU64,
    /// The folder of the sweep.
    pub out: PathBuf,
    /// Whether nothing is to be run.
    pub dry_run: bool,
}

/// What `plan.json` holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this file's format.
    pub format: u32,
    /// Who runs the units.
    pub launcher: Launcher,
    /// Units at once on one machine.
    pub jobs: usize,
    /// Seconds without a sign of life after which a unit is given to another process.
    pub lease_s: u64,
    /// Where relative paths of the configurations begin.
    pub working_folder: PathBuf,
    /// What Slurm is asked for, by configuration.
    pub resources: BTreeMap<String, Resources>,
    /// The units.
    pub units: Vec<Unit>,
}

impl Plan {
    /// A plan of no units yet, whose configurations are read in the current folder.
    ///
    /// # Errors
    /// The current folder is gone.
    pub fn new(launcher: Launcher, jobs: NonZeroUsize, lease_s: NonZeroU64) -> SweepResult<Self> {
        let working_folder =
            std::env::current_dir().map_err(|error| SweepError::io(Path::new("."), &error))?;
        Ok(Self {
            format: FORMAT,
            launcher,
            jobs: jobs.get(),
            lease_s: lease_s.get(),
            working_folder,
            resources: BTreeMap::new(),
            units: Vec::new(),
        })
    }
}

/// A sweep in its folder: `plan.json`, `configs/` (one for each that units are made of), `claims/`,
/// `accepted/`, `runs/` (a run folder for each unit), `logs/`, and `slurm/`.
#[derive(Debug)]
pub struct Sweep {
    path: PathBuf,
    plan: Plan,
}

impl Sweep {
    /// Reads the plan in `folder`.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn open(folder: &Path) -> SweepResult<Self> {
        let file = folder.join(PLAN);
        let bytes = std::fs::read(&file).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => SweepError::Missing(format!(
                "{}: not the folder of a sweep (no {PLAN})",
                folder.display()
            )),
            _ => SweepError::io(&file, &error),
        })?;
        let plan: Plan = json::parse(&file, &bytes)?;
        if plan.format != FORMAT {
            let message = format!("format {}, expected {FORMAT}", plan.format);
            return Err(SweepError::in_file(&file, message));
        }
        let path = std::path::absolute(folder).map_err(|error| SweepError::io(folder, &error))?;
        Ok(Self { path, plan })
    }

    /// The plan in `folder`, if there is one.
    ///
    /// # Errors
    /// It is damaged.
    pub fn find(folder: &Path) -> SweepResult<Option<Self>> {
        folder.join(PLAN).exists().then(|| Self::open(folder)).transpose()
    }

    /// Writes `plan` into `folder` with the configurations of its units, the plan last of all.
    ///
    /// # Errors
    /// A full disk, a folder that cannot be written to.
    pub fn write<'a>(
        folder: &Path,
        plan: &Plan,
        configs: impl IntoIterator<Item = &'a Resolved>,
    ) -> SweepResult<Self> {
        for name in ["configs", "claims", "accepted", "runs", "logs", "slurm"] {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).map_err(|error| SweepError::io(&path, &error))?;
        }
        for Resolved { name, text, .. } in configs {
            let text = format!(
                "# One configuration of a sweep; plan.json says how its units differ from it.\n\n{text}"
            );
            write_atomic(&config_path(folder, name), text.as_bytes())?;
        }
        write_atomic(&folder.join(PLAN), &to_json(plan).map_err(SweepError::internal)?)?;
        Self::open(folder)
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder as workers share it.
    pub fn shared(&self) -> DiskFolder {
        DiskFolder::new(&self.path)
    }

    /// The unit called `name`.
    ///
    /// # Errors
    /// There is none.
    pub fn unit(&self, name: &str) -> SweepResult<&Unit> {
        self.plan.units.iter().find(|unit| unit.name == name).ok_or_else(|| {
            let message = format!("{}: the plan has no unit `{name}`", self.path.display());
            SweepError::Missing(message)
        })
    }

    /// The configuration of `unit`, the same as when it was planned.
    ///
    /// # Errors
    /// A file that was changed since then, or keys that this program knows otherwise.
    pub fn resolve<W: Work + ?Sized>(&self, unit: &Unit, work: &W) -> SweepResult<Resolved> {
        let path = config_path(&self.path, &unit.config);
        let config = work.resolve(Source::Named(&path.to_string_lossy()), &unit.overrides())?;
        let again = units(&unit.config, &[unit.seed], &fold_of(unit), &sets_of(unit), |_| {
            Ok::<_, SweepError>(config.clone())
        })?;
        if again.first().is_none_or(|again| again.name != unit.name) {
            let message = "was changed after the sweep was planned, or by another version of dermx; \
                           plan a new sweep";
            return Err(SweepError::in_file(&path, message));
        }
        Ok(config)
    }

    /// The run folder of a unit.
    pub fn run(&self, unit: &Unit) -> PathBuf {
        self.path.join("runs").join(&unit.name)
    }

    /// Where what a unit prints goes.
    pub fn log(&self, unit: &str) -> PathBuf {
        self.path.join("logs").join(format!("{unit}.log"))
    }
}

fn fold_of(unit: &Unit) -> Vec<u64> {
    unit.fold.into_iter().collect()
}

fn sets_of(unit: &Unit) -> Vec<Vec<String>> {
    unit.set.iter().map(|set| vec![set.clone()]).collect()
}

fn config_path(sweep: &Path, name: &str) -> PathBuf {
    sweep.join("configs").join(format!("{name}.toml"))
}

/// Makes the folder of a sweep, with what its units need, and its plan, last of all.
///
/// # Errors
/// Wrong configurations, a folder in use, two equal units.
pub fn plan<W: Work + ?Sized>(request: &PlanRequest, work: &W) -> SweepResult<Sweep> {
    let sets: Vec<Vec<String>> = request
        .sets
        .iter()
        .map(|set| choices(set))
        .collect::<Result<_, _>>()
        .map_err(SweepError::Usage)?;
    // Keys with one value belong to the configuration; the others tell units apart.
    let (swept, fixed): (Vec<_>, Vec<_>) = sets.into_iter().partition(|set| set.len() > 1);
    let fixed = fixed.concat();
    let mut planned = Planned::default();
    for name in &request.configs {
        planned.add(name, &fixed, &swept, request, work)?;
    }
    planned.check()?;
    if !request.dry_run {
        request.launcher.check_present()?;
    }
    for config in planned.configs.values() {
        work.prepare(config)?;
    }
    let resources = |(name, config): (&String, &Resolved)| (name.clone(), config.resources.clone());
    let plan = Plan {
        resources: planned.configs.iter().map(resources).collect(),
        units: planned.units,
        ..Plan::new(request.launcher, request.jobs, request.lease)?
    };
    make_folder(&request.out)?;
    Sweep::write(&request.out, &plan, planned.configs.values())
}

/// The unit of a trial that changes keys of `config`, as `section.key=value`; it has the first of its seeds.
///
/// # Errors
/// Values that do not fit together.
pub fn trial_unit<W: Work + ?Sized>(
    work: &W,
    config: &Resolved,
    changes: &[String],
) -> SweepResult<Unit> {
    // As the unit will be read.
    let Resolved { name, text, seeds, .. } = config;
    let source = Source::Text { origin: name, text };
    let seeds = seeds.get(..1).unwrap_or_default();
    let sets: Vec<Vec<String>> = changes.iter().map(|change| vec![change.clone()]).collect();
    let found = units(name, seeds, &[], &sets, |unit| work.resolve(source, &unit.overrides()))?;
    let unit = found.into_iter().next();
    let none = || SweepError::BadConfig("run.seeds: expected at least one".to_string());
    Ok(Unit { kind: Kind::Trial, ..unit.ok_or_else(none)? })
}

#[derive(Default)]
struct Planned {
    configs: BTreeMap<String, Resolved>,
    units: Vec<Unit>,
}

impl Planned {
    fn add<W: Work + ?Sized>(
        &mut self,
        file: &str,
        fixed: &[String],
        swept: &[Vec<String>],
        request: &PlanRequest,
        work: &W,
    ) -> SweepResult<()> {
        // Folds have no value of their own in a configuration that leaves them to the sweep.
        let folds = &request.folds;
        let first_fold = folds.first().map(|fold| format!("split.fold={fold}"));
        let fixed: Vec<String> = fixed.iter().cloned().chain(first_fold).collect();
        let config = work.resolve(Source::Named(file), &fixed)?;
        let name = config.name.clone();
        if self.configs.contains_key(&name) {
            return Err(SweepError::Usage(format!("two configurations are called `{name}`")));
        }
        let seeds = request.seeds.as_ref().unwrap_or(&config.seeds);
        // The text that units are read from, so that they are read here as they will be.
        let source = Source::Text { origin: file, text: &config.text };
        let found =
            units(&name, seeds, folds, swept, |unit| work.resolve(source, &unit.overrides()))?;
        self.units.extend(found);
        self.configs.insert(name, config);
        Ok(())
    }

    fn check(&self) -> SweepResult<()> {
        let mut names = BTreeSet::new();
        match self.units.iter().find(|unit| !names.insert(&unit.name)) {
            None => Ok(()),
            Some(unit) => {
                let message =
                    format!("two units are the same, {}: a value of --set twice?", unit.name);
                Err(SweepError::Usage(message))
            }
        }
    }
}

/// Makes `folder`, which must be new or empty.
fn make_folder(folder: &Path) -> SweepResult<()> {
    let error = |error| SweepError::io(folder, &error);
    std::fs::create_dir_all(folder).map_err(error)?;
    if std::fs::read_dir(folder).map_err(error)?.next().is_some() {
        let message = format!(
            "{}: the folder is in use; go on with `dermx sweep run`, or choose another --out",
            folder.display()
        );
        return Err(SweepError::InUse(message));
    }
    Ok(())
}
