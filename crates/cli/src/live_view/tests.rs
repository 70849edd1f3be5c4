use super::{draw, epoch_line, state_text};
use dermx_run::config::Config;
use dermx_run::{Place, RunFolder, RunState, Session, Standing, WatchedRun};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::error::Error;
use std::fs;
use std::path::Path;

type TestResult = Result<(), Box<dyn Error>>;

/// A new run of two seeds and four epochs in `path`, with a process at work until it is dropped.
fn run(path: &Path) -> Result<RunFolder, Box<dyn Error>> {
    let changes = ["run.seeds=[3, 5]", "run.epochs=4"].map(str::to_string);
    let config = Config::load("quickstart.toml", &changes)?;
    let place = Place { run: Some(path), ..Place::default() };
    Ok(RunFolder::open(&place, &config, &Session::cpu())?)
}

/// The line of an epoch in `metrics.jsonl`.
fn metrics(epoch: u32, loss: f64, validation: &str) -> String {
    format!(
        "{{\"epoch\":{epoch},\"train_loss\":{loss},\"train_accuracy\":0.25,\"learning_rate\":0.1,\
         \"num_images\":8,\"weights_hash\":\"a\"{validation}}}\n"
    )
}

fn standing(path: &Path) -> Result<Standing, Box<dyn Error>> {
    Ok(WatchedRun::open(path)?.standing()?)
}

/// What a terminal of 100 x 24 characters shows.
fn screen(standing: &Standing) -> Result<Vec<String>, Box<dyn Error>> {
    let mut terminal = Terminal::new(TestBackend::new(100, 24))?;
    terminal.draw(|frame| draw(frame, standing))?;
    let rows = terminal.backend().buffer().content().chunks(100);
    Ok(rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>()).collect())
}

/// The row of the table of seeds that begins with `seed`, with single spaces.
fn row(screen: &[String], seed: &str) -> String {
    let row = screen.iter().rev().find(|row| row.starts_with(seed));
    row.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default()
}

#[test]
fn a_run_without_an_epoch_waits() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run");
    let _held = run(&path)?;
    let standing = standing(&path)?;
    assert_eq!(standing.state, RunState::AtWork);
    assert_eq!(state_text(&standing), "0 of 2 seeds trained; the first epoch is under way");
    let screen = screen(&standing)?;
    assert!(screen[0].contains("run"), "{}", screen[0]);
    assert!(screen.iter().any(|row| row.contains("no epoch is finished yet")), "{screen:#?}");
    assert_eq!(row(&screen, "3 "), "3 0/4 waiting");
    assert!(screen[23].starts_with("q ends"));
    Ok(())
}

#[test]
fn a_line_that_is_not_whole_yet_is_left_for_later_and_curves_are_drawn() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run");
    let held = run(&path)?;
    let seed = held.seed(3)?;
    let scores = ",\"val_loss\":1.5,\"val_accuracy\":0.5,\"val_macro_f1\":0.4";
    let whole = metrics(1, 2.0, scores) + &metrics(2, 1.0, scores);
    fs::write(seed.metrics(), whole.clone() + &metrics(3, 0.5, scores)[..30])?;
    fs::write(seed.timings(), "{\"epoch\": 1, \"seconds\": 70.0}\n{\"epoch\": 2, \"seco")?;
    let standing = standing(&path)?;
    assert_eq!(standing.seeds[0].epochs.len(), 2);
    // Two epochs of this seed and four of the next, 70 s each.
    assert_eq!(state_text(&standing), "0 of 2 seeds trained; at most 7 min 0 s of training left");
    assert!((standing.share_done() - 0.25).abs() < 1e-9);
    let screen = screen(&standing)?;
    assert_eq!(row(&screen, "3 "), "3 2/4 1.000 0.250 1.500 0.500 0.400 2 training");
    assert_eq!(row(&screen, "5 "), "5 0/4 waiting");
    let text = screen.concat();
    for part in ["seed 3: loss", "seed 3: accuracy", "training", "validation", "25%"] {
        assert!(text.contains(part), "no `{part}` in {screen:#?}");
    }
    let is_braille = |letter: char| ('\u{2801}'..='\u{28ff}').contains(&letter);
    assert!(text.contains(is_braille) && text.contains('•'), "no curves in {screen:#?}");
    assert_eq!(
        epoch_line(3, 4, &standing.seeds[0].epochs[1]),
        "seed 3, epoch 2 of 4: loss 1.000, accuracy 0.250; validation photos: loss 1.500, accuracy 0.500, \
         macro-F1 0.400\n"
    );
    Ok(())
}

#[test]
fn a_damaged_line_is_named() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run");
    let held = run(&path)?;
    fs::write(held.seed(3)?.metrics(), metrics(1, 2.0, "") + "{\n" + &metrics(3, 1.0, ""))?;
    let message = standing(&path).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("metrics.jsonl") && message.contains("line 2"), "{message}");
    Ok(())
}

#[test]
fn a_stopped_run_says_how_to_go_on_and_a_finished_one_that_it_is() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run");
    let held = run(&path)?;
    for (seed, num_epochs) in [(3, 4), (5, 2)] {
        let seed = held.seed(seed)?;
        let lines: String = (1..=num_epochs).map(|epoch| metrics(epoch, 1.0, "")).collect();
        fs::write(seed.metrics(), lines)?;
    }
    drop(held);
    let stopped = standing(&path)?;
    assert_eq!(stopped.state, RunState::Stopped);
    assert!(state_text(&stopped).contains("`dermx train --resume --run "), "{stopped:?}");
    assert_eq!(row(&screen(&stopped)?, "5 "), "5 2/4 1.000 0.250 2 stopped");
    for file in ["seed-3/run.json", "seed-5/weights.safetensors"] {
        fs::write(path.join(file), "")?;
    }
    let explained = screen(&standing(&path)?)?;
    assert_eq!(row(&explained, "3 "), "3 4/4 1.000 0.250 4 done");
    assert_eq!(row(&explained, "5 "), "5 2/4 1.000 0.250 2 predicts and explains");
    for file in ["seed-5/run.json", "run.json"] {
        fs::write(path.join(file), "")?;
    }
    let finished = standing(&path)?;
    assert_eq!(finished.state, RunState::Finished);
    assert_eq!(state_text(&finished), "finished; 2 of 2 seeds trained");
    assert!((finished.share_done() - 1.0).abs() < 1e-9);
    assert_eq!(row(&screen(&finished)?, "5 "), "5 2/4 1.000 0.250 2 done, ended early");
    Ok(())
}

#[test]
fn a_terminal_of_any_size_is_drawn_on() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("run");
    let held = run(&path)?;
    fs::write(held.seed(3)?.metrics(), metrics(1, 2.0, ""))?;
    let standing = standing(&path)?;
    for (width, height) in [(1, 1), (10, 3), (40, 10), (300, 100)] {
        Terminal::new(TestBackend::new(width, height))?.draw(|frame| draw(frame, &standing))?;
    }
    Ok(())
}
