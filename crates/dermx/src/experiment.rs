//! A configuration and its run folder.

use dermx_eval::EvalRecord;
use dermx_run::config::{self, Config};
use dermx_run::{Context, Place, RunError, Trained, evaluate_again, prepare_synthetic, train};
use dermx_run::{Reports, write_reports};
use std::path::{Path, PathBuf};

/// A configuration and where its run goes: training, test and report of every seed.
///
/// ```no_run
/// use dermx::{Context, Experiment, Session};
///
/// # fn main() -> Result<(), dermx::RunError> {
/// let session = Session::cpu();
/// let trained = Experiment::open("quickstart.toml")?
///     .set("run.seeds=[0]")?
///     .in_folder("runs/first")
///     .train(&Context::silent(&session))?;
/// println!("{}", trained.folder.display());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Experiment {
    /// What [`Config::load`] finds the configuration by; `None` for that of a run.
    source: Option<String>,
    overrides: Vec<String>,
    config: Config,
    name: String,
    folder: Option<PathBuf>,
    is_resumed: bool,
}

impl Experiment {
    /// The configuration `name`: a path, a file in `configs/`, or a built-in one.
    ///
    /// # Errors
    /// No such configuration, or the list of all that is wrong with it.
    pub fn open(name: &str) -> Result<Self, RunError> {
        Self::open_with(name, &[])
    }

    /// The same with changed keys, `section.key=value`, in any order: only what they come to together has
    /// to be right.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(name: &str, assignments: &[String]) -> Result<Self, RunError> {
        Ok(Self {
            source: Some(name.to_string()),
            overrides: assignments.to_vec(),
            config: Config::load(name, assignments)?,
            name: config::config_name(name),
            folder: None,
            is_resumed: false,
        })
    }

    /// The run in `folder`, to go on with, to score again or to report.
    ///
    /// # Errors
    /// Not a run folder, or one whose configuration was damaged.
    pub fn resume(folder: impl AsRef<Path>) -> Result<Self, RunError> {
        let folder = folder.as_ref();
        Ok(Self {
            source: None,
            overrides: Vec::new(),
            config: Config::load_run(folder)?,
            name: String::new(),
            folder: Some(folder.to_path_buf()),
            is_resumed: true,
        })
    }

    /// The same with a changed key, `section.key=value`.
    ///
    /// # Errors
    /// The list of all that is wrong then; a run that is gone on with cannot be changed.
    pub fn set(mut self, assignment: &str) -> Result<Self, RunError> {
        let Some(source) = &self.source else {
            return Err(RunError::usage(format!("{assignment}: a run cannot be changed any more")));
        };
        self.overrides.push(assignment.to_string());
        self.config = Config::load(source, &self.overrides)?;
        Ok(self)
    }

    /// The same with its run in `folder` instead of a numbered one in `run.output`.
    #[must_use]
    pub fn in_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), ..self }
    }

    /// The configuration.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Trains, predicts, explains and scores every seed, aggregates them, and writes the report. A run
    /// that was interrupted goes on from its newest checkpoint, and ends with the same bytes.
    ///
    /// # Errors
    /// Missing or damaged data, a run folder in use, or a request to stop.
    pub fn train(&self, context: &Context<'_>) -> Result<Trained, RunError> {
        self.run(false, context)
    }

    /// Trains every seed, and leaves the test for later.
    ///
    /// # Errors
    /// As [`Self::train`].
    pub fn train_only(&self, context: &Context<'_>) -> Result<Trained, RunError> {
        self.run(true, context)
    }

    fn run(&self, no_eval: bool, context: &Context<'_>) -> Result<Trained, RunError> {
        prepare_synthetic(&self.config, context.watch)?;
        let run = self.folder.as_deref();
        let resume = self.is_resumed;
        let place = Place { run, name: &self.name, resume, ..Place::default() };
        train(&self.config, &place, no_eval, *context)
    }

    /// Scores the finished run again, in its folder.
    ///
    /// # Errors
    /// No folder, a run that is not finished or that another process is at work on.
    pub fn evaluate(&self, context: &Context<'_>) -> Result<EvalRecord, RunError> {
        evaluate_again(self.folder()?, None, *context)
    }

    /// Writes the report of the finished run into `out`; its page.
    ///
    /// # Errors
    /// No folder, a run that is not finished, a folder that cannot be written to.
    pub fn report(
        &self,
        out: impl AsRef<Path>,
        context: &Context<'_>,
    ) -> Result<PathBuf, RunError> {
        let Reports { pages, .. } = write_reports(&[self.folder()?], out.as_ref(), *context)?;
        Ok(pages.into_iter().next().unwrap_or_default())
    }

    fn folder(&self) -> Result<&Path, RunError> {
        let missing =
            || RunError::usage("the experiment has no run folder: name it, or resume one");
        self.folder.as_deref().ok_or_else(missing)
    }
}
