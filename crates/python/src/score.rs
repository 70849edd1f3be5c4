//! Scoring: of arrays, of maps against a data set, and of what never saw a network.

use crate::arrays::{Numbers, check_axes, marks, numbers, shape_text, view};
use crate::call::run;
use crate::choices::Choices;
use crate::dataset::Dataset;
use crate::maps::{self, ArrayMaps};
use crate::masks::{self, MASKS, Names};
use crate::predictions::Predicted;
use crate::refusal;
use crate::scores::Scores;
use dermx_eval::HeatmapScoring;
use dermx_score::{Benchmark, MapFolder, MapSource, check_outlines};
use dermx_study::SCORING;
use numpy::ndarray::{Ix2, Ix5};
use numpy::{PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use std::path::Path;

/// What the places along the axes are called, where a caller says so.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Called {
    name: String,
    images: Option<Vec<String>>,
    raters: Option<Vec<String>>,
    concepts: Option<Vec<String>>,
    classes: Vec<String>,
    gold: Option<Vec<Option<String>>>,
}

/// Scores the maps in an array against the masks in another, see `dermx.score_arrays`.
#[pyfunction]
pub fn score_arrays(
    py: Python<'_>,
    maps: &Bound<'_, PyAny>,
    masks: &Bound<'_, PyAny>,
    read: Option<&Bound<'_, PyAny>>,
    called: Called,
    predictions: Option<Vec<String>>,
    choices: &str,
) -> PyResult<Scores> {
    let choices = Choices::read(choices)?;
    let maps = numbers(maps, "maps")?;
    check_axes("maps", maps.shape(), &maps::AXES)?;
    let masks = marks(masks, MASKS)?;
    check_axes(MASKS, masks.shape(), &masks::AXES)?;
    let read = read.map(|read| marks(read, "read")).transpose()?;
    check_lengths(&maps, &masks, read.as_ref())?;
    let names = names(called, masks.shape())?;
    let masks = view::<_, Ix5>(&masks)?;
    let read = read.as_ref().map(view::<_, Ix2>).transpose()?;
    let maps = ArrayMaps::stacked(&maps, &names.images)?;
    let scoring = choices.scoring([masks.dim().3, masks.dim().4])?;
    let predicted = predictions.map(|classes| -> PyResult<_> {
        check_length("predictions", classes.len(), names.images.len())?;
        Ok(Predicted::Classes(names.images.iter().cloned().zip(classes).collect()))
    });
    let predicted = predicted.transpose()?;
    let card = run(py, |watch| {
        let dataset = masks::dataset(masks, read, &names, watch)?;
        let predictions = predicted.map(Predicted::read).transpose()?;
        Benchmark::watched(&dataset, scoring, watch)?.score(&maps, predictions.as_ref())
    })?;
    Ok(Scores::of_card(card))
}

/// Scores maps against a data set, see `dermx.score`.
#[pyfunction]
pub fn score(
    py: Python<'_>,
    maps: Option<Maps<'_>>,
    dataset: &Dataset,
    predictions: Option<Predicted>,
    choices: &str,
) -> PyResult<Scores> {
    let HeatmapScoring { size, .. } = SCORING;
    let scoring = Choices::read(choices)?.scoring(size)?;
    let arrays = match &maps {
        Some(Maps::Arrays(arrays)) => arrays
            .iter()
            .map(|(name, array)| Ok((name.clone(), numbers(array, &format!("maps[\"{name}\"]"))?)))
            .collect::<PyResult<Vec<(String, Numbers<'_>)>>>()?,
        _ => Vec::new(),
    };
    let folder = match &maps {
        Some(Maps::Folder(folder)) => Some(folder.clone()),
        _ => None,
    };
    let in_memory = ArrayMaps::named(&arrays)?;
    let has_maps = maps.is_some();
    let dataset = dataset.shared();
    let card = run(py, |watch| {
        let predictions = predictions.map(Predicted::read).transpose()?;
        if has_maps {
            let advice = "mark something in the images, or score predictions without maps";
            check_outlines(dataset.root(), &dataset, &scoring, advice)?;
        }
        let benchmark = Benchmark::watched(&dataset, scoring, watch)?;
        let in_folder = folder.map(|folder| MapFolder::open(Path::new(&folder))).transpose()?;
        let maps: &dyn MapSource = match &in_folder {
            Some(folder) => folder,
            None => &in_memory,
        };
        match predictions {
            Some(predictions) if !has_maps => benchmark.score_diagnoses(&predictions),
            predictions => benchmark.score(maps, predictions.as_ref()),
        }
    })?;
    Ok(Scores::of_card(card))
}

/// What there is to beat on a data set, see `dermx.baselines`.
#[pyfunction]
pub fn baselines(py: Python<'_>, dataset: &Dataset, choices: &str) -> PyResult<Scores> {
    let HeatmapScoring { size, .. } = SCORING;
    let scoring = Choices::read(choices)?.scoring(size)?;
    let dataset = dataset.shared();
    let record = run(py, |watch| Ok(Benchmark::watched(&dataset, scoring, watch)?.baselines()))?;
    Ok(Scores::of_record(record))
}

/// Where maps are.
#[derive(FromPyObject)]
pub enum Maps<'py> {
    /// In the files of a folder.
    Folder(String),
    /// In arrays, by image.
    Arrays(Vec<(String, Bound<'py, PyAny>)>),
}

/// Checks that maps, masks and readings are of the same images.
fn check_lengths(
    maps: &Numbers<'_>,
    masks: &PyReadonlyArrayDyn<'_, u8>,
    read: Option<&PyReadonlyArrayDyn<'_, u8>>,
) -> PyResult<()> {
    let (maps, masks) = (maps.shape(), masks.shape());
    if maps[0] != masks[0] {
        return Err(refusal(format!(
            "masks: found {} images (shape {}); expected {}, as there are maps (shape {})",
            masks[0],
            shape_text(masks),
            maps[0],
            shape_text(maps)
        )));
    }
    match read.map(|read| read.shape()) {
        Some(read) if *read != masks[..2] => Err(refusal(format!(
            "read: found an array of shape {}; expected {}, [images, raters], as in masks (shape {})",
            shape_text(read),
            shape_text(&masks[..2]),
            shape_text(masks)
        ))),
        _ => Ok(()),
    }
}

fn check_length(called: &str, found: usize, expected: usize) -> PyResult<()> {
    match found == expected {
        true => Ok(()),
        false => Err(refusal(format!("{called}: found {found} of them; expected {expected}"))),
    }
}

/// The names of all places: those that were given, or numbers, of which those of images sort as they count.
fn names(called: Called, shape: &[usize]) -> PyResult<Names> {
    let digits = (shape[0] - 1).to_string().len();
    let given =
        |names: Option<Vec<String>>, called: &str, num: usize, name: &dyn Fn(usize) -> String| {
            let names = names.unwrap_or_else(|| (0..num).map(name).collect());
            check_length(called, names.len(), num).map(|()| names)
        };
    let gold = called.gold.unwrap_or_else(|| vec![None; shape[0]]);
    check_length("gold", gold.len(), shape[0])?;
    Ok(Names {
        dataset: called.name,
        images: given(called.images, "images", shape[0], &|idx| format!("{idx:0digits$}"))?,
        raters: given(called.raters, "raters", shape[1], &|idx| format!("rater{}", idx + 1))?,
        concepts: given(called.concepts, "concepts", shape[2], &|idx| {
            format!("concept{}", idx + 1)
        })?,
        classes: called.classes,
        gold,
    })
}
