//! The plan of a sweep: its folder, its units, and their configurations.

use crate::error::{SweepError, SweepResult};
use crate::folder::DiskFolder;
use crate::launcher::Launcher;
use crate::range::choices;
use crate::slurm::setup;
use crate::unit::{PROCESSOR, Unit, units};
use crate::{name, shell};
use dermx_data::{json, refuse_linked_folders, to_json, write_atomic};
use dermx_work::{Kind, Resolved, Resources, Source, Work};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

const PLAN: &str = "plan.json";

/// The version of the format.
const FORMAT: u32 = 1;

/// More units than anybody means: their names alone fill memory, and the folder a disk.
pub const MAX_UNITS: usize = 100_000;

/// The longest lease, a month in seconds.
pub const MAX_LEASE_S: u64 = 30 * 24 * 3600;

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
    /// What computes the units, in the words of the work.
    pub backend: String,
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
    /// The current folder is gone; a lease of more than a month.
    pub fn new(launcher: Launcher, jobs: NonZeroUsize, lease_s: NonZeroU64) -> SweepResult<Self> {
        if lease_s.get() > MAX_LEASE_S {
            let message =
                format!("--lease {lease_s}: expected {MAX_LEASE_S} seconds (a month) at most");
            return Err(SweepError::Usage(message));
        }
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

    /// Refuses what Slurm cannot be asked: GPUs that units do not compute on, commands that are none.
    ///
    /// # Errors
    /// Names the key.
    pub(crate) fn check(&self) -> SweepResult<()> {
        for (config, resources) in &self.resources {
            let gpus = resources.gpus.unwrap_or(0);
            let unit = self.units.iter().find(|unit| &unit.config == config);
            let backend = unit.map_or(PROCESSOR, |unit| &unit.backend);
            if gpus > 0 && backend == PROCESSOR {
                return Err(SweepError::BadConfig(format!(
                    "{config}: slurm.gpus = {gpus} asks for GPUs that stand idle: the units compute on \
                     the processor; plan with --backend cuda, or leave the key out"
                )));
            }
            if gpus > 1 {
                return Err(SweepError::BadConfig(format!(
                    "{config}: slurm.gpus = {gpus}, and a unit computes on one; say 1"
                )));
            }
            if let Some(setup) = setup(resources) {
                let error = |complaint| {
                    SweepError::BadConfig(format!(
                        "{config}: slurm.setup is nothing that bash can run: {complaint}"
                    ))
                };
                shell::check(&setup).map_err(error)?;
            }
        }
        Ok(())
    }

    /// Refuses a plan that no program of ours wrote: names that lead out of the folder, two units of one
    /// name.
    fn check_read(&self) -> Result<(), String> {
        if self.lease_s == 0 || self.lease_s > MAX_LEASE_S {
            return Err(format!("lease_s is {}; expected 1 to {MAX_LEASE_S}", self.lease_s));
        }
        let mut names = BTreeSet::new();
        for unit in &self.units {
            for (what, text) in
                [("name", &unit.name), ("group", &unit.group), ("config", &unit.config)]
            {
                if let Some(problem) = name::problem(text) {
                    let text: String = text.chars().take(60).collect();
                    return Err(format!(
                        "the {what} `{}` of a unit {problem}",
                        text.escape_debug()
                    ));
                }
            }
            if !names.insert(&unit.name) {
                return Err(format!("two units are called `{}`", unit.name));
            }
        }
        Ok(())
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
    /// There is none, it is damaged, or names what lies elsewhere.
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
        plan.check_read().map_err(|message| SweepError::in_file(&file, message))?;
        refuse_linked_folders(folder)?;
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
    /// A plan that its launcher cannot run; a full disk, a folder that cannot be written to.
    pub fn write<'a>(
        folder: &Path,
        plan: &Plan,
        configs: impl IntoIterator<Item = &'a Resolved>,
    ) -> SweepResult<Self> {
        if plan.launcher == Launcher::Slurm {
            plan.check()?;
        }
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
        let again = of_same(unit, |_| Ok::<_, SweepError>(config.clone()))?;
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

/// The unit again, with the names that `resolve` gives it.
fn of_same<E>(
    unit: &Unit,
    resolve: impl FnMut(&Unit) -> Result<Resolved, E>,
) -> Result<Vec<Unit>, E> {
    let Unit { config, backend, seed, fold, set, .. } = unit;
    let folds: Vec<u64> = fold.iter().copied().collect();
    let sets: Vec<Vec<String>> = set.iter().map(|set| vec![set.clone()]).collect();
    units(config, backend, &[*seed], &folds, &sets, resolve)
}

fn config_path(sweep: &Path, name: &str) -> PathBuf {
    sweep.join("configs").join(format!("{name}.toml"))
}

/// Makes the folder of a sweep, with what its units need, and its plan, last of all.
///
/// # Errors
/// Wrong configurations, a folder in use, two equal units.
pub fn plan<W: Work + ?Sized>(request: &PlanRequest, work: &W) -> SweepResult<Sweep> {
    // Before work that takes time, such as making data.
    check_empty(&request.out)?;
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
    let resources = |(name, config): (&String, &Resolved)| (name.clone(), config.resources.clone());
    let plan = Plan {
        resources: planned.configs.iter().map(resources).collect(),
        units: planned.units,
        ..Plan::new(request.launcher, request.jobs, request.lease)?
    };
    if plan.launcher == Launcher::Slurm {
        // Before anything is made.
        plan.check()?;
    }
    if !request.dry_run {
        planned.configs.values().try_for_each(|config| work.prepare(config))?;
    }
    make_folder(&request.out)?;
    Sweep::write(&request.out, &plan, planned.configs.values())
}

/// The unit of a trial that changes keys of `config`, as `section.key=value`, computed by `backend`; it has
/// the first of its seeds.
///
/// # Errors
/// Values that do not fit together.
pub fn trial_unit<W: Work + ?Sized>(
    work: &W,
    config: &Resolved,
    backend: &str,
    changes: &[String],
) -> SweepResult<Unit> {
    // As the unit will be read.
    let Resolved { name, text, seeds, .. } = config;
    let source = Source::Text { origin: name, text };
    let seeds = seeds.get(..1).unwrap_or_default();
    let sets: Vec<Vec<String>> = changes.iter().map(|change| vec![change.clone()]).collect();
    let found =
        units(name, backend, seeds, &[], &sets, |unit| work.resolve(source, &unit.overrides()))?;
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
        if let Some(problem) = name::problem(&name) {
            let message = format!(
                "`{}`: the name of a configuration {problem}; units and files are called after it, so \
                 rename it",
                name.escape_debug()
            );
            return Err(SweepError::Usage(message));
        }
        if self.configs.contains_key(&name) {
            return Err(SweepError::Usage(format!("two configurations are called `{name}`")));
        }
        let seeds = request.seeds.as_ref().unwrap_or(&config.seeds);
        let sizes = swept.iter().map(Vec::len).chain([seeds.len(), folds.len().max(1)]);
        let num_new = sizes.fold(1_usize, usize::saturating_mul);
        if self.units.len().saturating_add(num_new) > MAX_UNITS {
            let message = format!(
                "{name}: seeds, folds and values of --set make more than {MAX_UNITS} units; leave some out"
            );
            return Err(SweepError::Usage(message));
        }
        // The text that units are read from, so that they are read here as they will be.
        let source = Source::Text { origin: file, text: &config.text };
        let found = units(&name, &request.backend, seeds, folds, swept, |unit| {
            work.resolve(source, &unit.overrides())
        })?;
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
    std::fs::create_dir_all(folder).map_err(|error| SweepError::io(folder, &error))?;
    check_empty(folder)
}

/// Whether `folder` is empty, or not there.
fn check_empty(folder: &Path) -> SweepResult<()> {
    let mut entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(SweepError::io(folder, &error)),
    };
    let Some(first) = entries.next() else { return Ok(()) };
    let found = first.map_err(|error| SweepError::io(folder, &error))?.file_name();
    let place = folder.display();
    Err(SweepError::InUse(match folder.join(PLAN).exists() {
        true => format!(
            "{place}: there is a sweep already, which is never overwritten; `dermx sweep status` says how far it \
             is, `dermx sweep run` goes on with it; choose another --out for a new one"
        ),
        false => format!(
            "{place}: is not empty (there is `{}`); choose another --out",
            found.to_string_lossy()
        ),
    }))
}
