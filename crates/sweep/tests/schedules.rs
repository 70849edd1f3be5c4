//! Workers that die, freeze, come back and are started twice, on a folder in memory.

use dermx_sweep::{Hold, SharedFolder, Sighting, Standing, State, claim, standing};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

#[derive(Default)]
struct Memory {
    files: RefCell<BTreeMap<String, Vec<u8>>>,
    /// How often a file in `accepted/` was made.
    num_accepted: RefCell<BTreeMap<String, usize>>,
}

impl SharedFolder for Memory {
    fn create_new(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        if self.files.borrow().contains_key(name) {
            return Ok(false);
        }
        self.files.borrow_mut().insert(name.to_string(), bytes.to_vec());
        if name.starts_with("accepted/") {
            *self.num_accepted.borrow_mut().entry(name.to_string()).or_default() += 1;
        }
        Ok(true)
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.files.borrow_mut().insert(name.to_string(), bytes.to_vec());
        Ok(())
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.files.borrow().get(name).cloned())
    }
}

/// Ticks without a sign of life after which a claim may be taken over.
const LEASE: u64 = 5;
/// Ticks of work that a unit takes.
const WORK: usize = 4;

/// What a unit's run folder holds, and its result: a function of the unit and of each step's number, taken in
/// order. A step that was done twice, or left out, gives another result.
fn step(before: &[u8], unit: &str, done: usize) -> Vec<u8> {
    [before, format!("{unit}:{done};").as_bytes()].concat()
}

/// What a unit comes to that nobody disturbs.
fn undisturbed(unit: &str) -> Vec<u8> {
    (0..WORK).fold(Vec::new(), |done, number| step(&done, unit, number))
}

/// The run folder of a unit: how many steps were saved, and what they came to.
#[derive(Default)]
struct Progress {
    num_done: usize,
    content: Vec<u8>,
}

/// One process that was started for one unit.
struct Worker {
    unit: String,
    phase: Phase,
    is_frozen: bool,
}

enum Phase {
    /// Looks, and waits for a sign of life since the tick.
    Looking(Option<(Sighting, u64)>),
    Working(Hold),
    Gone,
}

impl Worker {
    fn new(unit: &str) -> Self {
        Self { unit: unit.to_string(), phase: Phase::Looking(None), is_frozen: false }
    }

    /// One tick; `progress` is what the run folder of the unit holds.
    fn tick(&mut self, folder: &Memory, now: u64, progress: &mut BTreeMap<String, Progress>) {
        if self.is_frozen {
            return;
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Gone);
        self.phase = match phase {
            Phase::Gone => Phase::Gone,
            Phase::Looking(seen) => self.look(folder, now, seen),
            Phase::Working(mut hold) => {
                if !hold.beat(folder, now).unwrap() {
                    return;
                }
                let progress = progress.entry(self.unit.clone()).or_default();
                // The lock of the run folder lets one process step at a time; who comes second goes on.
                if progress.num_done < WORK {
                    progress.content = step(&progress.content, &self.unit, progress.num_done);
                    progress.num_done += 1;
                }
                if progress.num_done < WORK {
                    Phase::Working(hold)
                } else {
                    hold.accept(folder, &progress.content, now).unwrap();
                    Phase::Gone
                }
            }
        };
    }

    fn look(&self, folder: &Memory, now: u64, seen: Option<(Sighting, u64)>) -> Phase {
        let next = match standing(folder, &self.unit).unwrap() {
            Standing::Accepted => return Phase::Gone,
            Standing::Free { generation } => generation,
            Standing::Held(sighting) => match seen {
                None => return Phase::Looking(Some((sighting, now))),
                // Another is at work.
                Some((before, _)) if before != sighting => return Phase::Gone,
                Some((_, since)) if now - since < LEASE => return Phase::Looking(seen),
                Some(_) => sighting.generation + 1,
            },
        };
        match claim(folder, &self.unit, next, "worker", now).unwrap() {
            Some(hold) => Phase::Working(hold),
            None => Phase::Looking(None),
        }
    }
}

/// What happens to a worker, or to the sweep, in one tick.
#[derive(Debug, Clone)]
enum Event {
    Start(usize),
    Kill(usize),
    Freeze(usize),
    Thaw(usize),
    Stop(usize),
    Nothing,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0usize..4).prop_map(Event::Start),
        1 => (0usize..12).prop_map(Event::Kill),
        1 => (0usize..12).prop_map(Event::Freeze),
        1 => (0usize..12).prop_map(Event::Thaw),
        1 => (0usize..12).prop_map(Event::Stop),
        4 => Just(Event::Nothing),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_unit_ends_with_the_one_result_of_an_undisturbed_run(events in prop::collection::vec(event(), 0..120)) {
        let folder = Memory::default();
        let units: Vec<String> = (0..4).map(|idx| format!("unit-{idx}")).collect();
        let mut progress = BTreeMap::new();
        let mut workers: Vec<Worker> = Vec::new();
        let mut now = 0;
        for event in events {
            match event {
                Event::Start(unit) => workers.push(Worker::new(&units[unit])),
                Event::Kill(idx) if idx < workers.len() => workers[idx].phase = Phase::Gone,
                Event::Freeze(idx) if idx < workers.len() => workers[idx].is_frozen = true,
                Event::Thaw(idx) if idx < workers.len() => workers[idx].is_frozen = false,
                Event::Stop(idx) if idx < workers.len() => {
                    let phase = std::mem::replace(&mut workers[idx].phase, Phase::Gone);
                    if let Phase::Working(mut hold) = phase {
                        hold.end(&folder, State::Stopped, now).unwrap();
                    }
                }
                _ => {}
            }
            workers.iter_mut().for_each(|worker| worker.tick(&folder, now, &mut progress));
            now += 1;
        }
        // The sweep is run again until nothing is left; those who were frozen come back meanwhile.
        workers.iter_mut().for_each(|worker| worker.is_frozen = false);
        workers.extend(units.iter().map(|unit| Worker::new(unit)));
        for round in 0..4 {
            for _ in 0..3 * (LEASE + WORK as u64) {
                workers.iter_mut().for_each(|worker| worker.tick(&folder, now, &mut progress));
                now += 1;
            }
            let all = units.iter().all(|unit| standing(&folder, unit).unwrap() == Standing::Accepted);
            if all { break; }
            prop_assert!(round < 3, "a unit is left");
            workers.extend(units.iter().map(|unit| Worker::new(unit)));
        }
        prop_assert!(folder.num_accepted.borrow().values().all(|&num| num == 1));
        prop_assert_eq!(folder.num_accepted.borrow().len(), units.len());
        for unit in &units {
            let accepted = folder.read(&format!("accepted/{unit}")).unwrap().unwrap();
            prop_assert_eq!(accepted, undisturbed(unit));
        }
    }
}
