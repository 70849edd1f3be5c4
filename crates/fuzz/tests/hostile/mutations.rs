//! Files broken at random, of every reader.
//!
//! `DERMX_MUTATIONS=full` breaks 40,000 files, otherwise 2,000.

use crate::memory::bounded;
use dermx_data::Random;
use dermx_fuzz::{Group, Outcome, Target, mutated, targets};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How much less is done without `DERMX_MUTATIONS=full`.
const REDUCED: usize = 20;

/// Breaks the files of all targets of `group`, and reads them.
fn check(group: Group) {
    let is_full = std::env::var("DERMX_MUTATIONS").is_ok_and(|value| value == "full");
    let (_, full) = Group::ALL.into_iter().find(|(one, _)| *one == group).unwrap();
    let targets: Vec<Target> =
        targets().into_iter().filter(|target| target.group == group).collect();
    let num_files = if is_full { full } else { full / REDUCED };
    for (target_idx, target) in targets.iter().enumerate() {
        // Each gets its share, the first also what is left.
        let share = num_files / targets.len();
        let more = if target_idx == 0 { num_files % targets.len() } else { 0 };
        break_files(target, share + more);
    }
}

fn break_files(target: &Target, num_files: usize) {
    let name = target.name;
    let folder = tempfile::tempdir().unwrap();
    (target.prepare)(folder.path());
    let seeds = (target.seeds)();
    for (seed_idx, seed) in seeds.iter().enumerate() {
        let outcome = target.run(folder.path(), seed);
        let is_known = target.group == Group::Photos || name == "image_table";
        assert!(outcome == Outcome::Read || is_known, "{name}: seed {seed_idx} is not read");
    }
    let mut num_read = 0;
    for file_idx in 0..num_files {
        let mut random = Random::new(22, "mutated", file_idx as u64, name);
        let seed = &seeds[random.below(seeds.len())];
        let bytes = mutated(seed, target.group, &mut random);
        let run = || {
            catch_unwind(AssertUnwindSafe(|| target.run(folder.path(), &bytes)))
                .unwrap_or_else(|_| panic!("{name}: file {file_idx} breaks the reader"))
        };
        let outcome = bounded(&format!("{name}: file {file_idx}"), run);
        num_read += usize::from(outcome == Outcome::Read);
    }
    assert!(num_read < num_files, "{name}: {num_read} of {num_files} were read");
}

#[test]
fn broken_photos_are_read_or_refused() {
    check(Group::Photos);
}

#[test]
fn broken_maps_and_masks_are_read_or_refused() {
    check(Group::Maps);
}

#[test]
fn broken_annotations_are_read_or_refused_with_their_place() {
    check(Group::Annotations);
}

#[test]
fn broken_configurations_are_read_or_refused() {
    check(Group::Configurations);
}

#[test]
fn broken_tables_are_read_or_refused_with_their_place() {
    check(Group::Tables);
}

#[test]
fn broken_weights_are_read_or_refused() {
    check(Group::Weights);
}

#[test]
fn forty_thousand_files_are_broken_in_full_and_two_thousand_else() {
    let full: usize = Group::ALL.iter().map(|(_, num)| num).sum();
    assert_eq!((full, full / REDUCED), (40_000, 2000));
    for (group, _) in Group::ALL {
        assert!(targets().iter().any(|target| target.group == group), "{group:?}");
    }
}
