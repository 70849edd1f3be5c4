//! `cargo xtask check`: the cheapest check first.

use crate::cargo::{cargo, succeed};
use crate::terminal::tell;
use crate::{book, browser, examples, latex, networks, package, python, quick_start, tests, tidy};
use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use std::process::ExitStatus;
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
    /// Report pages in Chromium: nothing printed or loaded, keyboard, widths, contrast; without Chromium, Node
    /// or npm it says so and passes.
    Browser,
    /// With --full: the tables in LaTeX are set; without pdflatex it says so and passes.
    Latex,
    /// The Python package: its wheel and the command's, installed in new environments, and its tests, with
    /// --full also the notebook and the whole quick start; without Python 3.10 or PyPI it says so and passes.
    Python,
    /// Tests on WGPU, with --full all of them; without a device they say so and pass, unless
    /// DERMX_WGPU=required.
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
            Self::Outside => succeed(&mut cargo(&[
                "test",
                "--release",
                "--workspace",
                "--test",
                "outside",
                "--",
                "--ignored",
            ])),
            Self::Book => book::run(is_full),
            Self::QuickStart => quick_start::run(),
            Self::Browser => browser::run(),
            Self::Latex => latex::run(),
            Self::Python => python::run(is_full),
            Self::Wgpu if is_full => passed(tests::run_wgpu(&[""; 0])?),
            Self::Wgpu => passed(tests::run_wgpu(&tests::WGPU_SMOKE)?),
            Self::Cuda => {
                // With DOCS_RS Burn's build scripts want no LLVM.
                let args = [&["clippy", "--features", "cuda"][..], &tests::BACKENDS].concat();
                succeed(cargo(&args).args(["--", "-D", "warnings"]).env("DOCS_RS", "1"))
            }
        }
    }

    fn is_in(self, is_full: bool) -> bool {
        is_full || !matches!(self, Self::Outside | Self::Cuda | Self::Latex)
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default()
    }
}

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

/// Runs every step but those in `skip`; stops at the first that fails.
pub fn run(skip: &[Step], is_full: bool) -> Result<()> {
    let mut times: Vec<(String, Duration)> = Vec::new();
    let is_wanted = |step: &&Step| step.is_in(is_full) && !skip.contains(step);
    for step in Step::value_variants().iter().filter(is_wanted) {
        tell(format!("== {}", step.name()));
        let start = Instant::now();
        let end = step.run(is_full);
        times.push((step.name(), start.elapsed()));
        if end.is_err() {
            print_times(&times);
        }
        end.with_context(|| format!("check `{}` failed", step.name()))?;
    }
    print_times(&times);
    tell("every step passed");
    Ok(())
}

fn print_times(times: &[(String, Duration)]) {
    for (name, time) in times {
        tell(format!("{name:>11} {:7.1} s", time.as_secs_f64()));
    }
}
