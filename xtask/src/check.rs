//! `cargo xtask check`: the cheapest check first, those of minutes two at a time.

use crate::cargo::{WORKSPACE, cargo, succeed};
use crate::terminal::tell;
use crate::{
    book, browser, examples, latex, networks, package, python, quick_start, tests, tidy, transfer,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ValueEnum;
use std::io::{Read, Seek};
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A part of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// Formatting.
    Fmt,
    /// The rules of the house that need no compiler.
    Tidy,
    /// The packages of all crates, which have to be whole; with --full the command is also installed from
    /// them.
    Package,
    /// Lints, as errors.
    Clippy,
    /// Documentation, with warnings as errors.
    Doc,
    /// All tests.
    Test,
    /// The library's examples on synthetic data.
    Examples,
    /// With --full: a crate outside of the workspace that is built on the library.
    Outside,
    /// The book is built, and every command of README and book runs, with --full also those that take long.
    Book,
    /// The README's first command, exactly as printed, and what comes out of it.
    QuickStart,
    /// The head of a network with learned features, trained on a few synthetic photos and on tiles of real ones, has to
    /// be better than on random features; without PyPI it says so and passes.
    Transfer,
    /// Report pages in Chromium: nothing printed or loaded, keyboard, widths, contrast; without Chromium, Node
    /// or npm it says so and passes.
    Browser,
    /// With --full: the tables in LaTeX are set; without pdflatex it says so and passes.
    Latex,
    /// The Python package: its wheel and the command's, installed in new environments, and its tests, with
    /// --full also the notebook and the whole quick start; without Python 3.10 or PyPI it says so and passes.
    Python,
    /// With --full: tests on WGPU, which are built once more with it; without a device they say so and pass,
    /// unless DERMX_WGPU=required.
    Wgpu,
    /// With --full: types and lints with CUDA, which is not linked.
    Cuda,
}

impl Step {
    fn run(self, is_full: bool) -> Result<()> {
        match self {
            Self::Fmt => {
                succeed(cargo(&["fmt", "--all", "--check", "--"]).args(networks::files()?))
            }
            Self::Tidy => tidy::run(),
            Self::Package => package::run(is_full),
            Self::Clippy => clippy(),
            Self::Doc => succeed(
                cargo(&["doc", "--release", "--workspace", "--no-deps"])
                    .env("RUSTDOCFLAGS", "-D warnings"),
            ),
            Self::Test => passed(tests::run(&[])?),
            Self::Examples => examples::run(),
            Self::Outside => {
                let test = [&["test", "--release"], &WORKSPACE[..], &["--test", "outside"]];
                succeed(cargo(&test.concat()).args(["--", "--ignored"]))
            }
            Self::Book => book::run(is_full),
            Self::QuickStart => quick_start::run(),
            Self::Transfer => transfer::run(),
            Self::Browser => browser::run(),
            Self::Latex => latex::run(),
            Self::Python => python::run(is_full),
            Self::Wgpu => passed(tests::run_wgpu(&[""; 0])?),
            Self::Cuda => {
                // With DOCS_RS Burn's build scripts want no LLVM.
                let args = [&["clippy", "--features", "cuda"][..], &tests::BACKENDS].concat();
                succeed(cargo(&args).args(["--", "-D", "warnings"]).env("DOCS_RS", "1"))
            }
        }
    }

    fn is_in(self, is_full: bool) -> bool {
        is_full || !matches!(self, Self::Outside | Self::Cuda | Self::Latex | Self::Wgpu)
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default()
    }
}

/// Steps that run two at a time, since each has parts of one thread or waits for networks: those of a row one after
/// the other, rows in this order. Cargo lets one step at a time into the folder of builds, so what holds it long comes
/// late; the browser looks at the page of the quick start.
const SIDE_BY_SIDE: [&[Step]; 9] = [
    &[Step::QuickStart, Step::Browser],
    &[Step::Python],
    &[Step::Wgpu],
    &[Step::Book],
    &[Step::Latex],
    &[Step::Package],
    &[Step::Transfer],
    &[Step::Clippy],
    &[Step::Doc],
];

fn passed(status: ExitStatus) -> Result<()> {
    ensure!(status.success(), "the tests ended with {status}");
    Ok(())
}

/// What no program part may contain, since errors are values; tests may.
const PANICS: [&str; 7] = [
    "clippy::dbg_macro",
    "clippy::expect_used",
    "clippy::panic",
    "clippy::todo",
    "clippy::unimplemented",
    "clippy::unreachable",
    "clippy::unwrap_used",
];

/// What no library may contain, since its surroundings are the command's business.
const SURROUNDINGS: [&str; 3] =
    ["clippy::disallowed_methods", "clippy::print_stderr", "clippy::print_stdout"];

/// Lints of programs and libraries, then those of tests, benchmarks and examples.
fn clippy() -> Result<()> {
    let clippy = ["clippy", "--release", "--workspace"];
    let mut programs = cargo(&[&clippy[..], &["--lib", "--bins", "--", "-D", "warnings"]].concat());
    for lint in PANICS.iter().chain(&SURROUNDINGS) {
        programs.args(["-D", lint]);
    }
    succeed(&mut programs)?;
    let others = ["--tests", "--benches", "--examples", "--", "-D", "warnings"];
    succeed(&mut cargo(&[&clippy[..], &others].concat()))
}

/// The times of steps.
type Times = Vec<(String, Duration)>;

/// Runs the steps of `only`, or all, but those in `skip`; stops at the first that fails.
pub fn run(only: &[Step], skip: &[Step], is_full: bool) -> Result<()> {
    let is_wanted = |step: &Step| match only {
        [] => step.is_in(is_full) && !skip.contains(step),
        _ => only.contains(step),
    };
    let wanted: Vec<Step> = Step::value_variants().iter().copied().filter(is_wanted).collect();
    let mut times = Times::new();
    let end = run_all(&wanted, is_full, &mut times);
    // One step says all itself, and may be part of another check.
    if let [_] = only {
        return end;
    }
    for (name, time) in &times {
        tell(format!("{name:>11} {:7.1} s", time.as_secs_f64()));
    }
    end?;
    tell("every step passed");
    Ok(())
}

fn run_all(wanted: &[Step], is_full: bool, times: &mut Times) -> Result<()> {
    let is_beside = |step: &&Step| SIDE_BY_SIDE.iter().any(|row| row.contains(*step));
    for step in wanted.iter().filter(|step| !is_beside(step)) {
        alone(*step, is_full, times)?;
    }
    let wanted_of =
        |row: &&[Step]| row.iter().copied().filter(|step| wanted.contains(step)).collect();
    let mut rows: Vec<Vec<Step>> = SIDE_BY_SIDE.iter().map(wanted_of).collect();
    rows.retain(|row| !row.is_empty());
    match &rows[..] {
        [] => Ok(()),
        [row] => row.iter().try_for_each(|step| alone(*step, is_full, times)),
        rows => side_by_side(rows, is_full, times),
    }
}

fn alone(step: Step, is_full: bool, times: &mut Times) -> Result<()> {
    tell(format!("== {}", step.name()));
    let start = Instant::now();
    let end = step.run(is_full);
    times.push((step.name(), start.elapsed()));
    end.with_context(|| format!("check `{}` failed", step.name()))
}

/// Runs `rows` two at a time, each step in a process of its own whose words are told when it ends.
fn side_by_side(rows: &[Vec<Step>], is_full: bool, times: &mut Times) -> Result<()> {
    let names: Vec<String> = rows.iter().flatten().map(|step| step.name()).collect();
    tell(format!("== {}, two at a time; each is told when it ends", names.join(", ")));
    let (left, times) = (Mutex::new(rows.iter()), Mutex::new(times));
    let next = || left.lock().map(|mut left| left.next()).map_err(|_| anyhow!("a step panicked"));
    let run = |step: Step| -> Result<()> {
        let start = Instant::now();
        let (text, end) = in_process(step, is_full)?;
        if let Ok(mut times) = times.lock() {
            times.push((step.name(), start.elapsed()));
            // It begins with the name of the step.
            tell(text);
        }
        ensure!(end.success(), "check `{}` failed", step.name());
        Ok(())
    };
    let work = || -> Result<()> {
        while let Some(row) = next()? {
            let end = row.iter().try_for_each(|step| run(*step));
            if end.is_err() {
                // Nothing more begins.
                while next()?.is_some() {}
                return end;
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let own = work();
        own.and(other.join().unwrap_or_else(|_| bail!("a step panicked")))
    })
}

/// What the step tells in a process of its own, and how that ends.
fn in_process(step: Step, is_full: bool) -> Result<(String, ExitStatus)> {
    let mut told = tempfile::tempfile()?;
    let mut check = Command::new(std::env::current_exe()?);
    check.args(["check", "--only", &step.name()]).args(is_full.then_some("--full"));
    // The full check installs gigabytes.
    let in_memory = if is_full { None } else { tests::folder_in_memory() };
    if let Some(folder) = &in_memory {
        check.env("TMPDIR", folder.path());
    }
    let end = check.stdout(told.try_clone()?).stderr(told.try_clone()?).status()?;
    let mut text = Vec::new();
    told.rewind()?;
    told.read_to_end(&mut text)?;
    Ok((String::from_utf8_lossy(&text).into_owned(), end))
}
