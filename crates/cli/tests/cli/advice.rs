//! What messages advise works, and what a run says of itself is enough to go on.

use crate::dermx::{QUICK, TestResult, Workplace, command, fail, stderr, stdout, succeed};
use std::error::Error;
use std::fs;
use std::process::{Command, Output};

/// Trains one epoch of one seed without a test.
fn train_only(workplace: &Workplace, run: &str, more: &[&str]) -> TestResult {
    let short = ["--set", "run.epochs=1", "--no-eval"];
    let output = workplace.train(run, &[&QUICK[..], &short, more].concat()).output()?;
    assert!(output.status.success(), "{}", stderr(&output));
    Ok(())
}

/// The command that `message` advises between backquotes, run by a shell.
#[cfg(unix)]
fn follow(workplace: &Workplace, message: &str) -> Result<Output, Box<dyn Error>> {
    let advised = message.split('`').find(|part| part.starts_with("dermx ")).ok_or("no command")?;
    let line = advised.replacen("dermx", env!("CARGO_BIN_EXE_dermx"), 1);
    Ok(Command::new("sh").args(["-c", &line]).current_dir(workplace.path()).output()?)
}

#[test]
#[cfg(unix)]
fn a_run_that_is_not_scored_is_finished_as_the_message_says() -> TestResult {
    let workplace = Workplace::new()?;
    // `--no-eval` needs no test set; what scoring would lack is said at once.
    train_only(&workplace, "it's a run", &["--set", "data.test=later"])?;
    let report = ["report", "it's a run", "--out", "page"];
    fail(workplace.path(), &report, 66, &["is not scored yet, and cannot be", "later"])?;
    fail(workplace.path(), &["evaluate", "--run", "it's a run"], 66, &["later"])?;
    fs::rename(workplace.join("data/dermx"), workplace.join("later"))?;
    fs::create_dir(workplace.join("data/dermx"))?;
    fs::rename(workplace.join("later/images"), workplace.join("data/dermx/images"))?;

    let message = stderr(&command(workplace.path(), &report).output()?);
    assert!(message.contains("finish it with"), "{message}");
    let output = follow(&workplace, &message)?;
    assert!(output.status.success(), "{}", stderr(&output));
    succeed(workplace.path(), &report)?;
    succeed(workplace.path(), &["verify", "it's a run"])?;

    // A certificate that is missing is made by what is advised.
    fs::remove_file(workplace.join("it's a run/run.json"))?;
    let output = command(workplace.path(), &["verify", "it's a run"]).output()?;
    assert_eq!(output.status.code(), Some(65));
    assert!(follow(&workplace, &stdout(&output))?.status.success());
    succeed(workplace.path(), &["verify", "it's a run"]).map(drop)
}

#[test]
fn a_run_that_is_there_is_told_from_a_folder_of_other_things() -> TestResult {
    let workplace = Workplace::new()?;
    train_only(&workplace, "run", &[])?;
    let args = Workplace::train_args("run");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    fail(workplace.path(), &args, 73, &["there is a run already", "--resume"])?;
    let short = ["--set", "run.epochs=1", "--no-eval", "--resume"];
    succeed(workplace.path(), &[&args[..], &QUICK, &short].concat())?;

    // Nothing is written into it but by itself.
    for out in ["run", "run/seed-0"] {
        let explain = ["explain", "--run", "run", "--images", "data/dermx/images", "--out", out];
        let args = [&explain[..], &["--overwrite"]].concat();
        fail(workplace.path(), &args, 73, &["is a run folder", "another --out"])?;
    }
    // Its configuration is data of the run, not something that the user wrote.
    let config = workplace.join("run/config.toml");
    let whole = fs::read(&config)?;
    let text = String::from_utf8(whole.clone())?;
    for bytes in [&b"\xff\xfe"[..], b"[run\n", text.replace("epochs = 1", "epochs = 0").as_bytes()]
    {
        fs::write(&config, bytes)?;
        for args in [&["verify", "run"][..], &["report", "run", "--out", "page"]] {
            fail(workplace.path(), args, 65, &["run/config.toml"])?;
        }
    }
    fs::write(&config, whole)?;

    // One photo is enough, and notes among photos are named and passed over.
    let photo = "data/dermx/images/synthetic-acne-001.jpg";
    let network = ["--run", "run", "--images"];
    succeed(workplace.path(), &[&["predict"], &network[..], &[photo, "--out", "p.csv"]].concat())?;
    let rows = fs::read_to_string(workplace.join("p.csv"))?;
    assert_eq!(rows.lines().count(), 2, "{rows}");
    succeed(workplace.path(), &[&["explain"], &network[..], &[photo, "--out", "maps"]].concat())?;
    assert!(workplace.join("maps/synthetic-acne-001.npy").is_file());
    fs::write(workplace.join("data/dermx/images/README.txt"), "taken in 2019")?;
    let folder = ["data/dermx/images", "--out", "q.csv"];
    let output = succeed(workplace.path(), &[&["predict"], &network[..], &folder].concat())?;
    let text = stderr(&output);
    assert!(text.contains("README.txt") && text.contains("left out"), "{text}");
    Ok(())
}

#[test]
fn the_end_of_a_run_says_which_epoch_was_kept_and_whether_it_ended_early() -> TestResult {
    let workplace = Workplace::new()?;
    let settings = [
        "split.method=fraction",
        "split.fraction=0.3",
        "train.monitor=loss",
        "train.select=best",
        "train.learning_rate=1e-12",
        "early_stopping.patience=1",
        "early_stopping.min_delta=1000",
        "run.epochs=9",
    ];
    let settings: Vec<&str> = settings.iter().flat_map(|one| ["--set", one]).collect();
    let output = workplace.train("run", &[&QUICK[..], &settings].concat()).output()?;
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for part in [
        "seed 0, epoch 1, validation photos: loss ",
        "seed 0: ended early, after epoch 2 of 9",
        "seed 0: kept the weights of epoch 1, the best of 2",
        "report: run/report/index.html",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    // One name for one baseline.
    assert!(text.contains("Union, Center Gaussian") && !text.contains("centre_gaussian"), "{text}");
    Ok(())
}

#[test]
fn a_file_in_the_place_of_a_folder_is_called_one() -> TestResult {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("file"), "text")?;
    fs::create_dir(folder.path().join("folder"))?;
    for (args, part) in [
        (&["dataset", "describe", "--data", "file"][..], "file: is a file; expected a folder"),
        // What training takes may be a table.
        (&["dataset", "check", "--split", "a=file"], "file: line 1: found the columns text"),
        (&["dataset", "check", "--folder", "file", "--manifest", "m"], "file: is a file; expected"),
        (&["weights", "inspect", "folder"], "folder: is a folder; expected a file"),
        (&["audit", "--matrices", "folder"], "folder: is a folder; expected a file"),
    ] {
        fail(folder.path(), args, 65, &[part])?;
    }
    Ok(())
}
