//! Heat maps in arrays.

use crate::arrays::{Numbers, check_axes, view};
use dermx_score::{MapSource, MapView, RawMap, ScoreError, ScoreResult};
use numpy::ndarray::{ArrayView2, ArrayView3, Axis, Ix2, Ix3};
use pyo3::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The numbers of one map.
#[derive(Clone, Copy)]
enum Array<'a> {
    Single(ArrayView2<'a, f32>),
    Double(ArrayView2<'a, f64>),
    Byte(ArrayView2<'a, u8>),
    Word(ArrayView2<'a, u16>),
    Bool(ArrayView2<'a, u8>),
}

/// Maps by the names of their images.
pub struct ArrayMaps<'a> {
    maps: BTreeMap<String, (String, Array<'a>)>,
}

/// What messages call all maps.
const MAPS: &str = "maps";

/// The axes of maps in one array.
pub const AXES: [&str; 3] = ["images", "height", "width"];

impl<'a> ArrayMaps<'a> {
    /// The maps of `images` in one array, one behind the other.
    ///
    /// # Errors
    /// An array of other axes; whoever calls has looked.
    pub fn stacked(numbers: &'a Numbers<'_>, images: &[String]) -> PyResult<Self> {
        let arrays: Vec<Array<'a>> = match numbers {
            Numbers::Single(array) => each(view::<_, Ix3>(array)?, Array::Single),
            Numbers::Double(array) => each(view::<_, Ix3>(array)?, Array::Double),
            Numbers::Byte(array) => each(view::<_, Ix3>(array)?, Array::Byte),
            Numbers::Word(array) => each(view::<_, Ix3>(array)?, Array::Word),
            Numbers::Bool(array) => each(view::<_, Ix3>(array)?, Array::Bool),
        };
        let named = images.iter().cloned().zip(arrays).enumerate();
        let placed = named.map(|(idx, (name, array))| (name, (format!("{MAPS}[{idx}]"), array)));
        Ok(Self { maps: placed.collect() })
    }

    /// Maps in arrays of their own, by image.
    ///
    /// # Errors
    /// An array that is no map.
    pub fn named(arrays: &'a [(String, Numbers<'_>)]) -> PyResult<Self> {
        let mut maps = BTreeMap::new();
        for (name, numbers) in arrays {
            let place = format!("{MAPS}[\"{name}\"]");
            check_axes(&place, numbers.shape(), &AXES[1..])?;
            let array = match numbers {
                Numbers::Single(array) => Array::Single(view::<_, Ix2>(array)?),
                Numbers::Double(array) => Array::Double(view::<_, Ix2>(array)?),
                Numbers::Byte(array) => Array::Byte(view::<_, Ix2>(array)?),
                Numbers::Word(array) => Array::Word(view::<_, Ix2>(array)?),
                Numbers::Bool(array) => Array::Bool(view::<_, Ix2>(array)?),
            };
            maps.insert(name.clone(), (place, array));
        }
        Ok(Self { maps })
    }
}

fn each<'a, T>(maps: ArrayView3<'a, T>, one: fn(ArrayView2<'a, T>) -> Array<'a>) -> Vec<Array<'a>> {
    (0..maps.len_of(Axis(0))).map(|idx| one(maps.index_axis_move(Axis(0), idx))).collect()
}

impl Array<'_> {
    /// The values row by row: borrowed where they lie like that, else copied, a map at a time.
    fn view(&self) -> MapView<'_> {
        match self {
            Self::Single(array) => {
                MapView::Single { size: array.dim().into(), values: rows(array) }
            }
            Self::Double(array) => {
                MapView::Double { size: array.dim().into(), values: rows(array) }
            }
            Self::Byte(array) => shares(array, |value| f64::from(value) / f64::from(u8::MAX)),
            Self::Word(array) => shares(array, |value| f64::from(value) / f64::from(u16::MAX)),
            Self::Bool(array) => shares(array, |value| f64::from(u8::from(value != 0))),
        }
    }
}

fn rows<'a, T: Copy>(array: &'a ArrayView2<'_, T>) -> Cow<'a, [T]> {
    array.as_slice().map_or_else(|| array.iter().copied().collect(), Cow::Borrowed)
}

/// Of whole numbers the largest that their type has counts as 1, as in files.
fn shares<'a, T: Copy>(array: &ArrayView2<'_, T>, share: impl Fn(T) -> f64) -> MapView<'a> {
    let values = array.iter().map(|&value| share(value)).collect();
    MapView::Double { size: array.dim().into(), values }
}

impl MapSource for ArrayMaps<'_> {
    fn names(&self) -> Vec<&str> {
        self.maps.keys().map(String::as_str).collect()
    }

    fn map(&self, name: &str) -> ScoreResult<Cow<'_, RawMap>> {
        self.view(name).map(|map| Cow::Owned(map.into()))
    }

    fn view(&self, name: &str) -> ScoreResult<MapView<'_>> {
        let Some((place, array)) = self.maps.get(name) else {
            return Err(ScoreError::missing_input(format!("{MAPS}: there is no map `{name}`")));
        };
        let map = array.view();
        map.check(Path::new(place))?;
        Ok(map)
    }

    fn place(&self, name: &str) -> PathBuf {
        self.maps.get(name).map_or_else(|| self.all().join(name), |(place, _)| place.into())
    }

    fn all(&self) -> PathBuf {
        MAPS.into()
    }
}
