//! Searches without networks: the score of a trial is a function of its parameters.

use dermx_search::{
    Domain, Event, Next, Outcome, Params, Pruner, SamplerName, Search, SearchError, Settings,
    Space, Trial, ranking, read_journal, to_line,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

type TestResult = Result<(), SearchError>;

fn space(parameters: Value) -> Space {
    let parameters: BTreeMap<String, Domain> = serde_json::from_value(parameters).unwrap();
    Space::new(parameters).unwrap()
}

fn grid() -> Space {
    space(json!({"a": [1, 2, 3], "b": ["x", "y"], "c": [[0.25, 1.0], [0.5, 1.0]]}))
}

fn settings(sampler: SamplerName, max_trials: Option<usize>) -> Settings {
    Settings { space: grid(), sampler, seed: 5, pruner: None, max_trials }
}

fn tpe() -> Settings {
    Settings {
        space: space(json!({
            "lr": {"low": 1e-4, "high": 1e-1, "log": true},
            "zoom": {"low": 0.0, "high": 0.5},
            "size": {"low": 1, "high": 9},
            "on": [false, true],
            "off": [false, true],
        })),
        pruner: Some(Pruner { warm_up_epochs: 1, min_trials: 3 }),
        ..settings(SamplerName::Tpe, Some(40))
    }
}

/// Best at a learning rate of 0.01, `on` and not `off`.
fn score(params: &Params, epoch: u32) -> f64 {
    let number = |name: &str| params.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let is = |name: &str| f64::from(u8::from(params.get(name) == Some(&json!(true))));
    let distance = (number("lr").max(1e-9).log10() + 2.0).abs() + number("a") * 0.01;
    let bonus = 0.2 * is("on") - 0.2 * is("off") - number("zoom") - 0.01 * number("size");
    (2.0 + bonus - distance) * (1.0 - 0.5_f64.powi(epoch as i32))
}

const NUM_EPOCHS: u32 = 4;

/// One epoch of a trial; whether it has ended.
fn step(search: &mut Search, trial: &Trial, journal: &mut Vec<Event>) -> Result<bool, SearchError> {
    let epoch = search.trials()[trial.number].epochs.len() as u32 + 1;
    let value = score(&trial.params, epoch);
    journal.extend(search.report(trial.number, epoch, value)?);
    let outcome = match (search.is_pruned(trial.number), epoch) {
        (true, _) => Outcome::Pruned { epoch, value },
        (false, NUM_EPOCHS) => Outcome::Finished { epoch, value },
        (false, _) => return Ok(false),
    };
    journal.push(search.end(trial.number, outcome)?);
    Ok(true)
}

/// Runs a search with up to `window` trials at once; `pick` chooses which goes on, and when to die.
fn run(
    settings: &Settings,
    journal: &mut Vec<Event>,
    mut pick: impl FnMut(usize) -> Option<usize>,
) -> Result<Option<Search>, SearchError> {
    let mut search = Search::new(settings.clone(), journal)?;
    let mut running: Vec<Trial> = Vec::new();
    loop {
        while running.len() < search.window()
            && let Next::Run { trial, event } = search.next_trial()?
        {
            journal.extend(event);
            running.push(trial);
        }
        if running.is_empty() {
            return Ok(Some(search));
        }
        let Some(chosen) = pick(running.len()) else { return Ok(None) };
        if step(&mut search, &running[chosen].clone(), journal)? {
            running.remove(chosen);
        }
    }
}

fn undisturbed(settings: &Settings, window: usize) -> Search {
    run(settings, &mut vec![Event::Began { window }], |_| Some(0)).unwrap().unwrap()
}

#[test]
fn a_grid_visits_every_point_in_order() {
    let search = undisturbed(&settings(SamplerName::Grid, None), 1);
    let points: Vec<String> =
        search.trials().iter().map(|trial| json!(trial.params).to_string()).collect();
    assert_eq!(points.len(), 12);
    assert_eq!(points[0], r#"{"a":1,"b":"x","c":[0.25,1.0]}"#);
    assert_eq!(points[1], r#"{"a":1,"b":"x","c":[0.5,1.0]}"#);
    assert_eq!(points[11], r#"{"a":3,"b":"y","c":[0.5,1.0]}"#);
    assert_eq!(points.iter().collect::<BTreeSet<_>>().len(), 12);
}

#[test]
fn random_points_are_never_twice_and_follow_the_seed() {
    let points = |seed: u64, max_trials| -> Vec<Params> {
        let settings = Settings { seed, ..settings(SamplerName::Random, max_trials) };
        undisturbed(&settings, 1).trials().iter().map(|trial| trial.params.clone()).collect()
    };
    let all = points(1, None);
    assert_eq!(
        all.iter().map(|params| json!(params).to_string()).collect::<BTreeSet<_>>().len(),
        12
    );
    assert_eq!(points(1, Some(5)), all[..5]);
    assert_ne!(points(2, None), all);
}

#[test]
fn random_values_lie_in_their_ranges() {
    let settings = Settings { sampler: SamplerName::Random, pruner: None, ..tpe() };
    let search = undisturbed(&Settings { max_trials: Some(200), ..settings }, 1);
    let values = |name: &str| -> Vec<f64> {
        search.trials().iter().filter_map(|trial| trial.params[name].as_f64()).collect()
    };
    let (rates, sizes) = (values("lr"), values("size"));
    assert!(rates.iter().all(|rate| (1e-4..=1e-1).contains(rate)));
    // Each of the three orders of magnitude is as likely.
    let num_small = rates.iter().filter(|rate| **rate < 1e-3).count();
    assert!((45..90).contains(&num_small), "{num_small}");
    let distinct: BTreeSet<u64> = sizes.iter().map(|size| *size as u64).collect();
    assert!(distinct.iter().copied().eq(1..=9), "{distinct:?}");
}

#[test]
fn tpe_does_better_than_chance() {
    let mean_of_last = |sampler| -> f64 {
        let scores: Vec<f64> = (0..5)
            .flat_map(|seed| {
                let settings = Settings { sampler, seed, pruner: None, ..tpe() };
                let search = undisturbed(&settings, 1);
                search.trials()[20..].iter().filter_map(Trial::score).collect::<Vec<_>>()
            })
            .collect();
        scores.iter().sum::<f64>() / scores.len() as f64
    };
    let (tpe, random) = (mean_of_last(SamplerName::Tpe), mean_of_last(SamplerName::Random));
    assert!(tpe > random + 0.3, "{tpe} {random}");
}

#[test]
fn worse_trials_are_pruned_and_the_best_is_not() {
    let search = undisturbed(&tpe(), 1);
    let num_pruned = search
        .trials()
        .iter()
        .filter(|trial| matches!(trial.outcome, Some(Outcome::Pruned { .. })))
        .count();
    assert!((5..35).contains(&num_pruned), "{num_pruned}");
    let early = search.trials().iter().filter(|trial| trial.epochs.len() < 2);
    assert_eq!(early.count(), 0, "every trial has its first epoch and the one it is judged by");
    let rows = ranking(search.trials());
    assert_eq!(rows[0].state, "finished");
    assert!(rows.iter().skip(1).all(|row| row.state != "finished" || row.value <= rows[0].value));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever order trials advance in and wherever the search is killed, the table is the same.
    #[test]
    fn the_table_does_not_depend_on_timing_or_interruptions(
        window in 1_usize..5,
        choices in prop::collection::vec(0_usize..100, 20..60),
        deaths in prop::collection::vec(1_usize..60, 0..4),
    ) {
        let settings = tpe();
        let expected = ranking(undisturbed(&settings, window).trials());
        let mut journal = vec![Event::Began { window }];
        let mut turn = 0;
        for lifetime in deaths {
            let mut left = lifetime;
            let ended = run(&settings, &mut journal, |num_running| {
                turn += 1;
                left -= usize::from(left > 0);
                (left > 0).then(|| choices[turn % choices.len()] % num_running)
            }).unwrap();
            prop_assert!(ended.is_none() || left > 0);
        }
        let search = run(&settings, &mut journal, |num_running| {
            turn += 1;
            Some(choices[turn % choices.len()] % num_running)
        }).unwrap().unwrap();
        prop_assert_eq!(ranking(search.trials()), expected);
    }

    /// A journal that ends in the middle of a line reads as one without that line.
    #[test]
    fn a_torn_last_line_is_left_out(cut in 1_usize..400) {
        let mut journal = vec![Event::Began { window: 2 }];
        run(&tpe(), &mut journal, { let mut left = 9; move |_| { left -= 1; (left > 0).then_some(0) } }).unwrap();
        let text: String = journal.iter().map(|event| to_line(event).unwrap()).collect();
        let cut = text.len().saturating_sub(cut).max(1);
        let (events, num_bytes) = read_journal(&text.as_bytes()[..cut]).unwrap();
        prop_assert!(num_bytes <= cut);
        prop_assert_eq!(events.len(), text[..cut].matches('\n').count());
        prop_assert_eq!(&events[..], &journal[..events.len()]);
    }
}

#[test]
fn a_journal_that_contradicts_itself_is_refused_with_its_line() -> TestResult {
    let asked = |trial| Event::Asked { trial, params: Params::new() };
    let ended = Event::Ended { trial: 0, outcome: Outcome::Failed { reason: "x".into() } };
    let began = Event::Began { window: 1 };
    let message = |events: &[Event]| {
        Search::new(settings(SamplerName::Grid, None), events).unwrap_err().to_string()
    };
    assert_eq!(message(&[asked(0)]), "line 1: does not tell that the search began");
    assert_eq!(message(&[began.clone(), asked(1)]), "line 2: found trial 1, expected 0");
    let epoch = Event::Epoch { trial: 0, epoch: 2, value: 0.5 };
    let found = message(&[began.clone(), asked(0), epoch]);
    assert_eq!(found, "line 3: trial 0: found epoch 2, expected 1");
    let found = message(&[began, asked(0), ended.clone(), ended]);
    assert_eq!(found, "line 4: trial 0 has ended");
    let error = read_journal(b"{}\n").unwrap_err().to_string();
    assert!(error.starts_with("line 1: is no event: "), "{error}");
    let nan = Event::Epoch { trial: 3, epoch: 1, value: f64::NAN };
    assert!(
        to_line(&nan).unwrap_err().to_string().starts_with("trial 3: epoch 1 has the score NaN")
    );
    Ok(())
}

#[test]
fn a_space_that_is_none_is_refused() {
    let error = |parameters: Value| {
        let parameters = serde_json::from_value(parameters).unwrap();
        Space::new(parameters).unwrap_err().to_string()
    };
    assert_eq!(error(json!({})), "search.space: names no parameter");
    assert_eq!(error(json!({"a": []})), "a: is a list of nothing");
    assert_eq!(error(json!({"a": [1, 2, 1]})), "a: lists 1 twice");
    assert!(error(json!({"a": {"low": 2, "high": 2}})).contains("not below"));
    assert!(error(json!({"a": {"low": i64::MIN, "high": i64::MAX}})).contains("64 bits"));
    assert!(error(json!({"a": {"low": 0, "high": 2, "log": true}})).contains("above 0"));
    assert!(error(json!({"a": {"low": "x", "high": 2}})).contains("not numbers"));
    let began = [Event::Began { window: 1 }];
    let ranges = Settings { max_trials: None, ..tpe() };
    let message = Search::new(ranges, &began).unwrap_err().to_string();
    assert!(message.starts_with("search.max_trials: is missing"), "{message}");
    let grid = Settings { sampler: SamplerName::Grid, ..tpe() };
    let message = Search::new(grid, &began).unwrap_err().to_string();
    assert!(message.starts_with("search.space: has ranges"), "{message}");
}

#[test]
fn a_space_too_large_for_memory_is_drawn_from() -> TestResult {
    // 300^4 points are more than can be put into an order.
    let values: Vec<u32> = (0..300).collect();
    let space = space(json!({"a": values, "b": values, "c": values, "d": values}));
    let settings = Settings { space, ..settings(SamplerName::Random, Some(5)) };
    let mut search = Search::new(settings, &[Event::Began { window: usize::MAX }])?;
    let mut points = BTreeSet::new();
    while let Next::Run { .. } = search.next_trial()? {}
    points.extend(search.trials().iter().map(|trial| format!("{:?}", trial.params)));
    assert_eq!(points.len(), 5);
    Ok(())
}
