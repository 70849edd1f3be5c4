//! Messages and results that nobody reads: a pipe whose reader has gone, a full disk, a closed descriptor.
#![cfg(unix)]

use crate::dermx::{QUICK, TestResult, Workplace, assert_same_results, command, stderr};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

/// How what is printed gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// Into a pipe whose reader has gone, as in `2>&1 | head`.
    Pipe,
    /// Onto a full disk.
    FullDisk,
    /// There is no descriptor at all, as after `2>&-`.
    Closed,
}

const ALL: [Lost; 3] = [Lost::Pipe, Lost::FullDisk, Lost::Closed];

impl Lost {
    /// Where to print; closed descriptors are the shell's business.
    fn stdio(self) -> std::io::Result<Stdio> {
        match self {
            Self::Pipe => {
                let (reader, writer) = std::io::pipe()?;
                drop(reader);
                Ok(writer.into())
            }
            Self::FullDisk => Ok(File::options().write(true).open("/dev/full")?.into()),
            Self::Closed => Ok(Stdio::null()),
        }
    }
}

/// The command with `args` in `folder`, with standard error (`2`) or output (`1`) lost.
fn losing(folder: &Path, args: &[&str], descriptor: u8, lost: Lost) -> std::io::Result<Command> {
    let mut command = match lost {
        Lost::Closed => {
            let mut shell = Command::new("sh");
            let script = format!("exec \"$@\" {descriptor}>&-");
            shell.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_dermx")]).args(args);
            shell.current_dir(folder);
            shell
        }
        _ => command(folder, args),
    };
    match descriptor {
        1 => command.stdout(lost.stdio()?),
        _ => command.stderr(lost.stdio()?),
    };
    Ok(command)
}

/// One of each class: help, results, warnings and progress of data, errors of every origin.
const COMMANDS: [&str; 15] = [
    "--help",
    "train --help",
    "--version",
    "config keys",
    "config show --config quickstart.toml",
    "backends",
    "dataset describe --data data/dermx",
    "dataset check --data data/dermx --images data/dermx/images",
    "dataset tables --data data/dermx",
    "synth --out OUT --images 6 --train-images 6",
    // Errors.
    "",
    "trian",
    "train --config none.toml",
    "predict --run nothing --images nothing --out p.csv",
    "verify nothing",
];

#[test]
fn a_message_or_result_that_nobody_reads_changes_no_exit_code() -> TestResult {
    let workplace = Workplace::new()?;
    let mut out = 0;
    for line in COMMANDS {
        let mut args = || {
            out += 1;
            let line = line.replace("OUT", &format!("made-{out}"));
            line.split_whitespace().map(str::to_string).collect::<Vec<_>>()
        };
        let run = |args: Vec<String>, descriptor: Option<(u8, Lost)>| {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            match descriptor {
                None => command(workplace.path(), &args).output(),
                Some((descriptor, lost)) => {
                    losing(workplace.path(), &args, descriptor, lost)?.output()
                }
            }
        };
        let heard = run(args(), None)?;
        let code = heard.status.code();
        assert!(code.is_some_and(|code| code != 101), "{line}: {}", stderr(&heard));
        for lost in ALL {
            let output = run(args(), Some((2, lost)))?;
            assert_eq!(output.status.code(), code, "{line}: standard error lost: {lost:?}");
            let is_result = !heard.stdout.is_empty();
            assert_eq!(output.stdout.is_empty(), !is_result, "{line}: {lost:?}");
            let output = run(args(), Some((1, lost)))?;
            let is_full = is_result && lost == Lost::FullDisk;
            let expected = if is_full { Some(74) } else { code };
            let message = stderr(&output);
            assert_eq!(output.status.code(), expected, "{line}: {lost:?}: {message}");
            assert_eq!(message.contains("standard output"), is_full, "{line}: {lost:?}: {message}");
        }
    }
    Ok(())
}

#[test]
fn a_training_whose_messages_nobody_reads_ends_as_any_other() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("undisturbed/run", &QUICK).output()?.status.success());
    for lost in ALL {
        let run = format!("{lost:?}/run");
        let args = [Workplace::train_args(&run), QUICK.map(String::from).to_vec()].concat();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = losing(workplace.path(), &args, 2, lost)?.output()?;
        assert!(output.status.success(), "{lost:?}: {}", output.status);
        assert_same_results(&workplace.join("undisturbed/run"), &workplace.join(&run))?;
        // Nothing more to do, and the result that it would print gets lost.
        let args: Vec<&str> = args.into_iter().chain(["--resume", "--quiet"]).collect();
        let output = losing(workplace.path(), &args, 1, lost)?.output()?;
        let expected = if lost == Lost::FullDisk { 74 } else { 0 };
        assert_eq!(output.status.code(), Some(expected), "{lost:?}: {}", stderr(&output));
    }
    Ok(())
}
