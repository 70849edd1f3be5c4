//! Project tasks: `cargo xtask STAGE ...` runs the `dermx` command, the others look after the code.

#![allow(clippy::disallowed_methods, reason = "a command knows its surroundings")]

mod book;
mod browser;
mod cargo;
mod check;
mod examples;
mod fault_table;
mod latex;
mod markdown;
mod networks;
mod package;
mod pages;
mod python;
mod quick_start;
mod release;
mod stage;
mod terminal;
mod tests;
mod tidy;
mod torture;
mod transfer;

use anyhow::Result;
use cargo::exit_code;
use check::Step;
use clap::{Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use terminal::tell;

/// Runs dermx, and looks after its code.
#[derive(Debug, Parser)]
#[command(
    name = "xtask",
    bin_name = "cargo xtask",
    arg_required_else_help = true,
    after_help = "Everything else is a stage of dermx: it is built and run with the same arguments.\n\
                  `--backend wgpu` or `--backend cuda` among them builds it with that backend.\n\
                  Example: cargo xtask train --config quickstart.toml"
)]
struct Cli {
    /// With `--backend wgpu`: choose kernels by measuring them, and fuse operations. For a GPU; CUDA
    /// always does.
    #[arg(long)]
    tune: bool,
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run all tests; further arguments go to `cargo nextest run` where it is installed, else to
    /// `cargo test`.
    #[command(disable_help_flag = true)]
    Test {
        /// `wgpu` runs the tests of that backend instead, built for them alone; further arguments are
        /// parts of names, and with `--no-run` they are only built.
        #[arg(long)]
        backend: Option<TestedBackend>,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Check everything that is checked before a change is taken.
    Check {
        /// Leave a step out; may be given several times.
        #[arg(long, value_enum)]
        skip: Vec<Step>,
        /// This step alone; may be given several times.
        #[arg(long, value_enum, conflicts_with = "skip")]
        only: Vec<Step>,
        /// Also all tests on WGPU, types with CUDA, a crate outside of the workspace, and the notebook.
        #[arg(long)]
        full: bool,
    },
    /// Check the rules of the house that need no compiler.
    Tidy,
    /// Make what a release offers for this machine: an archive with the command, completions and manual
    /// pages, a wheel with it for pip, and their SHA-256.
    Release {
        /// The folder to write into.
        #[arg(long, default_value = "target/release-files")]
        out: PathBuf,
        /// The Python that packs the wheel.
        #[arg(long, default_value = "python3")]
        python: String,
    },
    /// Build the book and run every command of README and book.
    Book {
        /// Also the commands that take long.
        #[arg(long)]
        full: bool,
        /// Only write anew what the book takes from the code: commands, exit codes, scores, speeds.
        #[arg(long)]
        write: bool,
    },
    /// Try the fault table of CONTRIBUTING.md at full count: kills, signals, failing disks, damaged files,
    /// and the soak. Takes an hour.
    Torture {
        /// Only these rows: a number, or a word of the fault or of a test's name.
        rows: Vec<String>,
        /// What random moments are drawn from.
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// A stage of dermx.
    #[command(external_subcommand)]
    Stage(Vec<OsString>),
}

/// A backend with tests of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TestedBackend {
    /// Vulkan, Metal, DirectX 12; a driver in software will do.
    Wgpu,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            tell(format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    match cli.task {
        Task::Test { backend: None, args } => {
            tests::run(&args).map(|end| ExitCode::from(exit_code(end)))
        }
        Task::Test { backend: Some(TestedBackend::Wgpu), args } => {
            tests::run_wgpu(&args).map(|end| ExitCode::from(exit_code(end)))
        }
        Task::Check { skip, only, full } => {
            check::run(&only, &skip, full).map(|()| ExitCode::SUCCESS)
        }
        Task::Book { write: true, .. } => book::write(&cargo::root()).map(|()| ExitCode::SUCCESS),
        Task::Book { full, write: false } => book::run(full).map(|()| ExitCode::SUCCESS),
        Task::Tidy => tidy::run().map(|()| ExitCode::SUCCESS),
        Task::Release { out, python } => release::run(&out, &python).map(|()| ExitCode::SUCCESS),
        Task::Torture { rows, seed } => torture::run(&rows, seed),
        Task::Stage(args) => stage::run(&args, cli.tune),
    }
}
