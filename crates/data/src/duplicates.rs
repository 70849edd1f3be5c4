//! Photos that are copies of others, inside a set and across sets.

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
    /// Those of different sets.
    AcrossSets,
}

/// One finding for each photo and each set in which an earlier photo is alike.
pub(crate) fn find_copies(sets: &[PhotoSet], photos: &[SeenPhoto], pairs: Pairs) -> Vec<Finding> {
    let of_one = |(photo_idx, photo): (usize, &SeenPhoto)| -> Vec<Finding> {
        originals(photo, &photos[..photo_idx], pairs)
            .into_iter()
            .map(|(set_idx, originals)| {
                finding(sets, photo, set_idx, &photos[originals.best_idx], &originals)
            })
            .collect()
    };
    photos.par_iter().enumerate().flat_map_iter(of_one).collect()
}

/// What `photo` is a copy of, by set.
fn originals(photo: &SeenPhoto, earlier: &[SeenPhoto], pairs: Pairs) -> BTreeMap<usize, Originals> {
    let mut found: BTreeMap<usize, Originals> = BTreeMap::new();
    for (idx, other) in earlier.iter().enumerate() {
        if pairs == Pairs::AcrossSets && other.set_idx == photo.set_idx {
            continue;
        }
        let Some(relation) = Relation::of(photo, other) else { continue };
        let originals = found.entry(other.set_idx).or_insert(Originals {
            best_idx: idx,
            best: relation,
            num: 0,
        });
        originals.num += 1;
        if relation.strength() > originals.best.strength() {
            (originals.best_idx, originals.best) = (idx, relation);
        }
    }
    found
}

fn finding(
    sets: &[PhotoSet],
    photo: &SeenPhoto,
    set_idx: usize,
    original: &SeenPhoto,
    originals: &Originals,
) -> Finding {
    let mut message = format!("{} {}", originals.best.describe(), original.path.display());
    if originals.num > 1 {
        message.push_str(&format!(" (and {} more)", originals.num - 1));
    }
    let kind = match originals.best {
        _ if set_idx != photo.set_idx => {
            let (one, other) = (&sets[photo.set_idx].name, &sets[set_idx].name);
            message.push_str(&format!("; it is in `{one}` and in `{other}`: remove one"));
            FindingKind::Leakage
        }
        Relation::File | Relation::Pixels => FindingKind::Duplicate,
        Relation::Looks(_) => FindingKind::NearDuplicate,
    };
    Finding::new(kind, &photo.path, message)
}
