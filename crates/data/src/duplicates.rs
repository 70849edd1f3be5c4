//! Photos that are copies of others, inside a set, across sets and across classes.

use crate::likeness::{MIN_LIKENESS, likeness};
use crate::photo_set::{PhotoSet, SeenPhoto};
use crate::{Finding, FindingKind};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// In which way two photos are copies of one.
#[derive(Clone, Copy)]
enum Relation {
    File,
    Pixels,
    /// With this likeness.
    Looks(f64),
}

impl Relation {
    /// The relation of two photos, if one may be a copy of the other.
    fn of(one: &SeenPhoto, other: &SeenPhoto) -> Option<Self> {
        if one.file.is_some() && one.file == other.file {
            return Some(Self::File);
        }
        if one.pixels == other.pixels {
            return Some(Self::Pixels);
        }
        let likeness = likeness(&one.signature, &other.signature);
        (likeness >= MIN_LIKENESS).then_some(Self::Looks(likeness))
    }

    /// 3 for equal files, 2 for equal pixels, else the likeness.
    fn strength(self) -> f64 {
        match self {
            Self::File => 3.0,
            Self::Pixels => 2.0,
            Self::Looks(likeness) => likeness,
        }
    }

    fn describe(self) -> String {
        match self {
            Self::File => "is the same file as".to_owned(),
            Self::Pixels => "has the same pixels as".to_owned(),
            Self::Looks(likeness) => format!("looks (likeness {likeness:.2} of 1) like"),
        }
    }
}

/// The earlier photos of one set that a photo is a copy of.
struct Originals {
    best_idx: usize,
    best: Relation,
    num: usize,
}

/// Which photos are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pairs {
    All,
    /// Those of different sets, or of different classes of a set.
    OfTwoSetsOrClasses,
}

/// One finding for each photo and each set in which an earlier photo is alike; of one set two if an
/// earlier photo in another class is alike, too.
pub(crate) fn find_copies(sets: &[PhotoSet], photos: &[SeenPhoto], pairs: Pairs) -> Vec<Finding> {
    let of_one = |(photo_idx, photo): (usize, &SeenPhoto)| -> Vec<Finding> {
        originals(photo, &photos[..photo_idx], pairs)
            .into_iter()
            .map(|originals| finding(sets, photo, &photos[originals.best_idx], &originals))
            .collect()
    };
    photos.par_iter().enumerate().flat_map_iter(of_one).collect()
}

/// Whether both are in a class, and not in the same one.
fn is_of_two_classes(one: &SeenPhoto, other: &SeenPhoto) -> bool {
    one.class.is_some() && other.class.is_some() && one.class != other.class
}

/// What `photo` is a copy of, by set, and in its own by whether the class is another one.
fn originals(photo: &SeenPhoto, earlier: &[SeenPhoto], pairs: Pairs) -> Vec<Originals> {
    let mut found: BTreeMap<(usize, bool), Originals> = BTreeMap::new();
    for (idx, other) in earlier.iter().enumerate() {
        let is_same_set = other.set_idx == photo.set_idx;
        let is_contradiction = is_same_set && is_of_two_classes(photo, other);
        if pairs == Pairs::OfTwoSetsOrClasses && is_same_set && !is_contradiction {
            continue;
        }
        let Some(relation) = Relation::of(photo, other) else { continue };
        let originals = found.entry((other.set_idx, is_contradiction)).or_insert(Originals {
            best_idx: idx,
            best: relation,
            num: 0,
        });
        originals.num += 1;
        if relation.strength() > originals.best.strength() {
            (originals.best_idx, originals.best) = (idx, relation);
        }
    }
    found.into_values().collect()
}

fn finding(
    sets: &[PhotoSet],
    photo: &SeenPhoto,
    original: &SeenPhoto,
    originals: &Originals,
) -> Finding {
    let mut message = format!("{} {}", originals.best.describe(), original.path.display());
    if originals.num > 1 {
        message.push_str(&format!(" (and {} more)", originals.num - 1));
    }
    let classes = match (&photo.class, &original.class) {
        (Some(one), Some(other)) if one != other => Some((one, other)),
        _ => None,
    };
    let kind = match originals.best {
        _ if original.set_idx != photo.set_idx => {
            let (one, other) = (&sets[photo.set_idx].name, &sets[original.set_idx].name);
            message.push_str(&match classes {
                None => format!("; it is in `{one}` and in `{other}`: remove one"),
                Some((class, other_class)) => format!(
                    "; it is in `{one}` and in `{other}`, as `{class}` and as `{other_class}`: remove \
                     the wrong one"
                ),
            });
            FindingKind::Leakage
        }
        _ if let Some((class, other_class)) = classes => {
            message.push_str(&format!(
                "; it is in the class `{class}` and in `{other_class}`: remove the wrong one"
            ));
            FindingKind::Contradiction
        }
        Relation::File | Relation::Pixels => FindingKind::Duplicate,
        Relation::Looks(_) => FindingKind::NearDuplicate,
    };
    Finding::new(kind, &photo.path, message)
}
