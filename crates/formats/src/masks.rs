//! A PNG of each rater and concept, found by the pattern of its path.

use crate::{Annotations, DATASET_FILE, RawReading};
use dermx_data::{DataError, Mask, Region, Shape, image_id, list_files};
use rayon::prelude::*;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What masks are called whose path does not say it.
#[derive(Debug, Clone, Copy)]
pub struct Unnamed<'a> {
    /// The rater.
    pub rater: &'a str,
    /// The concept.
    pub concept: &'a str,
}

/// Which mask a path names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    image: String,
    rater: Option<String>,
    concept: Option<String>,
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Image,
    Rater,
    Concept,
}

/// Reads the masks below `root` whose path is that of `pattern`, such as `masks/{rater}/{image}/{concept}.png`. An
/// image may have folders; raters and concepts have none. Pixels above 0 are in the mask.
///
/// `photos` are those of the data set by image id, which are no masks. Where a path can be read in several ways, the image
/// is one of them, and of those the longest; then the rater is
/// the shortest. What does not fit the pattern is counted in [`Annotations::skipped`].
///
/// # Errors
/// A pattern that is none, a folder or file that cannot be read, a PNG that is no mask, raters' masks of one image in
/// different sizes.
pub fn read(
    root: &Path,
    pattern: &str,
    unnamed: Unnamed<'_>,
    photos: &BTreeMap<String, PathBuf>,
) -> Result<Annotations, DataError> {
    let parts = parse(pattern).map_err(|message| {
        DataError::invalid(&root.join(DATASET_FILE), "masks.pattern", message)
    })?;
    let folder = root.join(fixed_folder(pattern));
    let mut found: BTreeMap<Named, Vec<PathBuf>> = BTreeMap::new();
    let mut num_skipped = 0;
    let is_image = |name: &str| photos.contains_key(&image_id(name));
    let photo_files: BTreeSet<&Path> = photos.values().map(PathBuf::as_path).collect();
    for path in list_files(&folder)? {
        if photo_files.contains(path.as_path()) {
            continue;
        }
        let below = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        match best(&parts, &below, &is_image) {
            Some(named) => found.entry(named).or_default().push(path),
            // What is no PNG lies beside the masks, as `dataset.toml` does.
            None if below.to_lowercase().ends_with(".png") => num_skipped += 1,
            None => {}
        }
    }
    let files: Vec<(Named, PathBuf)> = found
        .into_iter()
        .flat_map(|(named, paths)| paths.into_iter().map(move |path| (named.clone(), path)))
        .collect();
    let masks: Vec<Result<Mask, DataError>> =
        files.par_iter().map(|(_, path)| Mask::read_positive_png(path)).collect();
    let mut readings: BTreeMap<(String, String), RawReading> = BTreeMap::new();
    for ((named, path), mask) in files.into_iter().zip(masks) {
        let mask = mask?;
        let rater = named.rater.unwrap_or_else(|| unnamed.rater.to_owned());
        let concept = named.concept.unwrap_or_else(|| unnamed.concept.to_owned());
        let reading =
            readings.entry((named.image.clone(), rater.clone())).or_insert_with(|| RawReading {
                image: named.image,
                rater,
                size: Some(mask.size()),
                labels: Vec::new(),
                regions: Vec::new(),
                file: path.clone(),
            });
        if reading.size != Some(mask.size()) {
            let message = format!(
                "found a mask of {} (height x width), but {} in {}",
                mask.size(),
                reading.size.map_or_else(String::new, |size| size.to_string()),
                reading.file.display()
            );
            return Err(DataError::invalid(&path, "", message));
        }
        // A mask without a pixel says that the rater looked, and found nothing.
        if !mask.is_empty() {
            let shape = Shape::Mask(mask);
            reading.regions.push(Region { concept, attributes: Vec::new(), shape });
        }
    }
    let skipped = match num_skipped {
        0 => Vec::new(),
        num => vec![format!("{num} PNG files whose path is not that of `{pattern}`")],
    };
    Ok(Annotations { images: Vec::new(), readings: readings.into_values().collect(), skipped })
}

/// The image that `path` names by `pattern`, if it fits.
pub(crate) fn matches(
    pattern: &str,
    path: &str,
    is_image: &dyn Fn(&str) -> bool,
) -> Option<String> {
    Some(best(&parse(pattern).ok()?, path, is_image)?.image)
}

/// The folders of a pattern before its first placeholder.
pub(crate) fn fixed_folder(pattern: &str) -> &str {
    let text = pattern.split('{').next().unwrap_or_default();
    text.rfind('/').map_or("", |end| &text[..end])
}

fn parse(pattern: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let pattern = plain_extension(pattern);
    let mut rest = pattern.strip_prefix("./").unwrap_or(&pattern);
    while let Some(start) = rest.find('{') {
        let (text, from) = rest.split_at(start);
        let (name, after) = from[1..].split_once('}').ok_or("found `{` without `}`")?;
        if !text.is_empty() {
            parts.push(Part::Text(text.to_owned()));
        }
        let part = match name {
            "image" => Part::Image,
            "rater" => Part::Rater,
            "concept" => Part::Concept,
            other => {
                return Err(format!(
                    "found `{{{other}}}`; expected {{image}}, {{rater}} or {{concept}}"
                ));
            }
        };
        if parts.contains(&part) {
            return Err(format!("found `{{{name}}}` twice"));
        }
        if text.is_empty() && !parts.is_empty() {
            return Err(format!(
                "found `{{{name}}}` right after another; expected something between them"
            ));
        }
        parts.push(part);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    match parts.contains(&Part::Image) {
        true => Ok(parts),
        false => Err("found no `{image}`".to_owned()),
    }
}

/// A path or a pattern with `.png` for `.PNG`.
fn plain_extension(path: &str) -> String {
    match path.rsplit_once('.') {
        Some((stem, extension)) if extension.eq_ignore_ascii_case("png") => format!("{stem}.png"),
        _ => path.to_owned(),
    }
}

/// The way to read a path that is meant.
fn best(parts: &[Part], path: &str, is_image: &dyn Fn(&str) -> bool) -> Option<Named> {
    let path = &plain_extension(path);
    let mut ways = Vec::new();
    let none = Named { image: String::new(), rater: None, concept: None };
    add_ways(parts, path, &none, &mut ways);
    let known = ways.iter().filter(|way| is_image(&way.image));
    // Concepts have several words more often than raters.
    let longest =
        |way: &&Named| (way.image.len(), Reverse(way.rater.as_ref().map_or(0, String::len)));
    known.max_by_key(longest).or_else(|| ways.iter().max_by_key(longest)).cloned()
}

/// Every way to read `path` as `parts`. Three placeholders in a path of a few hundred bytes bound the work.
fn add_ways(parts: &[Part], path: &str, found: &Named, ways: &mut Vec<Named>) {
    let Some((part, rest)) = parts.split_first() else {
        if path.is_empty() {
            ways.push(found.clone());
        }
        return;
    };
    if let Part::Text(text) = part {
        if let Some(after) = path.strip_prefix(text.as_str()) {
            add_ways(rest, after, found, ways);
        }
        return;
    }
    for (end, _) in path.char_indices().skip(1).chain([(path.len(), ' ')]) {
        let (value, after) = path.split_at(end);
        if value.is_empty() || (*part != Part::Image && value.contains('/')) {
            continue;
        }
        // What follows a placeholder decides at once for most ends.
        if let Some(Part::Text(text)) = rest.first()
            && !after.starts_with(text.as_str())
        {
            continue;
        }
        let mut found = found.clone();
        match part {
            Part::Image => found.image = value.to_owned(),
            Part::Rater => found.rater = Some(value.to_owned()),
            _ => found.concept = Some(value.to_owned()),
        }
        add_ways(rest, after, &found, ways);
    }
}

#[cfg(test)]
mod tests {
    use super::{Named, best, fixed_folder, parse};

    fn named(pattern: &str, path: &str, images: &[&str]) -> Option<[String; 3]> {
        let is_image = |id: &str| images.contains(&id);
        let Named { image, rater, concept } = best(&parse(pattern).unwrap(), path, &is_image)?;
        Some([image, rater.unwrap_or_default(), concept.unwrap_or_default()])
    }

    #[test]
    fn a_path_is_read_as_its_pattern_says() {
        let pattern = "masks/{rater}/{image}/{concept}.png";
        let found = named(pattern, "masks/alice/cat/a.1/wing feather.png", &[]).unwrap();
        assert_eq!(found, ["cat/a.1", "alice", "wing feather"]);
        let found = named(pattern, "masks/alice/cat/beak.PNG", &[]).unwrap();
        assert_eq!(found, ["cat", "alice", "beak"]);
        assert_eq!(named(pattern, "masks/alice/beak.png", &[]), None);
        assert_eq!(fixed_folder(pattern), "masks");
        assert_eq!(fixed_folder("{image}.png"), "");
    }

    #[test]
    fn of_several_ways_the_one_with_a_known_image_counts() {
        let pattern = "{image}_{rater}_{concept}.png";
        let found = |images: &[&str]| named(pattern, "a_b_c_d.png", images).unwrap();
        assert_eq!(found(&["a"]), ["a", "b", "c_d"]);
        assert_eq!(found(&["a_b"]), ["a_b", "c", "d"]);
        assert_eq!(found(&[]), ["a_b", "c", "d"]);
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        for (pattern, message) in [
            ("masks/{rater}.png", "no `{image}`"),
            ("{image}/{organ}.png", "`{organ}`"),
            ("{image}_{image}", "twice"),
            ("{image}{rater}.png", "right after another"),
            ("{image", "without `}`"),
        ] {
            let error = parse(pattern).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
