//! Which of the training photos are kept for validation.

use crate::{DataError, Fold, FoldImage, ImageNames, LabelledFolder, Patients, Random};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The two parts of a set of labelled photos, each with the classes of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What is learned from.
    pub training: LabelledFolder,
    /// What is not.
    pub validation: LabelledFolder,
}

/// The photos of one patient; a photo of nobody known is a group of its own.
struct Group {
    name: String,
    /// Places in the list of photos.
    images: Vec<usize>,
    /// Number of photos of each class.
    num_per_class: Vec<usize>,
}

/// Puts about `fraction` of every class aside; a patient's photos stay together.
///
/// Of a class with `n` photos, `fraction * n` rounded to the nearest whole number, halves down, are
/// the aim, but never all. Patients are drawn at random, those with many photos first; each is put
/// aside if that brings the sum over the classes of `(number - aim)^2` down. So a class is less than
/// one photo from its share where no patient has two photos, else less than the photos of its
/// largest patient if no patient has two classes.
///
/// A function of `seed` and of what the photos and patients are called, not of their order.
pub fn split_fraction(
    folder: &LabelledFolder,
    patients: &Patients,
    fraction: f64,
    seed: u64,
) -> Split {
    let totals = folder.num_per_class();
    let aim = |&total: &usize| {
        let nearest = (fraction * total as f64 - 0.5).ceil().max(0.0) as usize;
        nearest.min(total.saturating_sub(1))
    };
    let aims: Vec<usize> = totals.iter().map(aim).collect();
    let mut numbers = vec![0; totals.len()];
    let mut validation = BTreeSet::new();
    for group in groups(folder, patients, seed) {
        let sizes = || group.num_per_class.iter().enumerate().filter(|(_, size)| **size > 0);
        let leaves_some = sizes().all(|(class, size)| numbers[class] + size < totals[class]);
        // (number + size - aim)^2 - (number - aim)^2
        let change = |(class, &size): (usize, &usize)| {
            let (number, size) = (numbers[class] as i64, size as i64);
            size * (2 * (number - aims[class] as i64) + size)
        };
        if leaves_some && sizes().map(change).sum::<i64>() < 0 {
            validation.extend(group.images);
            add(&mut numbers, &group.num_per_class);
        }
    }
    parts(folder, |idx| validation.contains(&idx))
}

/// Deals the photos into `num_folds` folds and puts fold `fold` aside; a patient's photos stay
/// together.
///
/// Patients are dealt at random, those with many photos first, each to the fold where the sum of
/// squares of the numbers of each class grows least, of several to the one with the fewest photos.
/// So where no patient has two photos, the folds' numbers of a class differ by one at most, else by
/// the photos of its largest patient if no patient has two classes. Every photo is in one fold.
///
/// A function of `seed` and of what the photos and patients are called, not of their order.
pub fn split_fold(
    folder: &LabelledFolder,
    patients: &Patients,
    num_folds: usize,
    fold: usize,
    seed: u64,
) -> Split {
    let mut numbers = vec![vec![0; folder.classes.len()]; num_folds];
    let mut fold_of = BTreeMap::new();
    for group in groups(folder, patients, seed) {
        let growth = |numbers: &[usize]| -> usize {
            let pairs = std::iter::zip(numbers, &group.num_per_class);
            pairs.map(|(number, size)| size * (2 * number + size)).sum()
        };
        let best = (0..num_folds)
            .min_by_key(|&idx| (growth(&numbers[idx]), numbers[idx].iter().sum::<usize>(), idx));
        let Some(best) = best else { continue };
        add(&mut numbers[best], &group.num_per_class);
        fold_of.extend(group.images.into_iter().map(|image| (image, best)));
    }
    parts(folder, |idx| fold_of.get(&idx) == Some(&fold))
}

/// Puts the test side of `fold` aside; `path` names where the fold is from.
///
/// # Errors
/// A photo that is on neither side or on both, an image of the fold without a photo, or one that may
/// be any of several photos.
pub fn split_by_list(
    folder: &LabelledFolder,
    fold: &Fold,
    path: &Path,
) -> Result<Split, DataError> {
    let place = format!("fold {}", fold.fold_idx);
    let invalid = |message: String| Err(DataError::invalid(path, place.clone(), message));
    let photos = folder.images.iter().map(|image| (image.id.as_str(), image.path.as_path()));
    let names = ImageNames::of_photos(photos);
    let join = |images: &[FoldImage]| {
        names.join(path, images.iter().map(|image| (place.clone(), image.image_id.as_str())))
    };
    let (train, test) = (join(&fold.train), join(&fold.test));
    if let Some(problem) = train.problems.iter().chain(&test.problems).next() {
        return Err(problem.clone());
    }
    let missing: Vec<&(String, String)> = train.unmatched.iter().chain(&test.unmatched).collect();
    if let [(_, first), others @ ..] = &missing[..] {
        let more = match others.len() {
            0 => String::new(),
            num => format!(", and {num} more without a photo"),
        };
        return invalid(format!("found the image `{first}`, of which there is no photo{more}"));
    }
    for (image, sides) in folder.images.iter().zip(train.row_of.iter().zip(&test.row_of)) {
        let name = &image.id;
        match (sides.0.is_some(), sides.1.is_some()) {
            (false, false) => {
                return invalid(format!("the photo `{name}` is on neither side; list it on one"));
            }
            (true, true) => {
                return invalid(format!("the photo `{name}` is on both sides; list it on one"));
            }
            _ => {}
        }
    }
    Ok(parts(folder, |idx| test.row_of[idx].is_some()))
}

/// The groups, large ones first and otherwise in random order.
fn groups(folder: &LabelledFolder, patients: &Patients, seed: u64) -> Vec<Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (idx, image) in folder.images.iter().enumerate() {
        // A patient and a photo of one name are two groups.
        let name = match patients.of(&image.path) {
            Some(patient) => format!("patient {patient}"),
            None => format!("photo {}", image.id),
        };
        let group = groups.entry(name.clone()).or_insert_with(|| Group {
            name,
            images: Vec::new(),
            num_per_class: vec![0; folder.classes.len()],
        });
        group.images.push(idx);
        group.num_per_class[image.class_idx] += 1;
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_cached_key(|group| {
        let mut random = Random::new(seed, "split", 0, &group.name);
        (usize::MAX - group.images.len(), (random.unit() * (1_u64 << 53) as f64) as u64)
    });
    groups
}

fn add(numbers: &mut [usize], sizes: &[usize]) {
    for (number, size) in numbers.iter_mut().zip(sizes) {
        *number += size;
    }
}

fn parts(folder: &LabelledFolder, is_validation: impl Fn(usize) -> bool) -> Split {
    let part = |wanted: bool| {
        let images = folder.images.iter().enumerate();
        let images = images.filter(|&(idx, _)| is_validation(idx) == wanted);
        LabelledFolder {
            classes: folder.classes.clone(),
            images: images.map(|(_, image)| image.clone()).collect(),
        }
    };
    Split { training: part(false), validation: part(true) }
}
