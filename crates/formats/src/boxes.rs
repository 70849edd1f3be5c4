//! Boxes in a CSV table, a row for each.

use crate::shapes;
use crate::{AnnotatedImage, Annotations, RawReading};
use dermx_data::{CsvLine, CsvTable, DataError, Fill, ImageSize, Region, Ring, Shape};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Which columns a table of boxes has, and what their numbers mean.
#[derive(Debug, Clone)]
pub struct BoxOptions<'a> {
    /// The column of the image.
    pub image: &'a str,
    /// Who drew a box.
    pub rater: Cell<'a>,
    /// What is in a box.
    pub concept: Cell<'a>,
    /// The columns of the four numbers, in the order that `corners` says.
    pub numbers: [&'a str; 4],
    /// What the numbers are.
    pub corners: Corners,
    /// Their unit.
    pub unit: Unit,
    /// Whether the second corner belongs to the box, as in `[xmin, xmax]`; only with [`Corners::Xyxy`] and
    /// [`Unit::Pixels`].
    pub inclusive: bool,
    /// The columns of the image's width and height.
    pub size: Option<[&'a str; 2]>,
    /// Sizes of images by the names in the table, for images without a size there.
    pub sizes: Option<&'a BTreeMap<String, ImageSize>>,
}

/// Where a word comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// From the column of this name.
    Column(&'a str),
    /// It is the same in all rows.
    Value(&'a str),
}

/// The unit of the numbers of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Pixels from the left upper corner of the image, the first being 0.
    #[default]
    Pixels,
    /// Fractions of the image's width and height.
    Fraction,
}

/// What the four numbers of a box are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Corners {
    /// The left upper corner, the width and the height.
    Xywh,
    /// The left upper corner, and the right lower one.
    Xyxy,
}

/// Reads a table as [`CsvTable`] does.
///
/// - **Readings.** All rows of an image and a rater are one reading. A row without its four numbers marks
///   nothing, and says that its rater has read the image; what it has in place of a concept is a label of the
///   reading. An image that a rater did not mark at all, and that has no such row of theirs, is not read by
///   them.
/// - **Regions.** A box is a rectangle of whole pixels: those whose centers are in it, which for whole
///   numbers are the pixels from `x` to before `x + w`, or from `xmin` to before `xmax`; with
///   [`BoxOptions::inclusive`], from the pixel `xmin` to the pixel `xmax`, numbers with decimals rounded. A
///   box between the centers of pixels is a region without pixels.
///
/// # Errors
/// With the line and the column: what is no such table, a column that is missing, a row without an image, a
/// rater or a concept, a number that is missing or is none, a box whose sides are not positive, fractions of
/// an image whose size is nowhere, two sizes of an image. Options that do not go together.
pub fn read(path: &Path, options: &BoxOptions<'_>) -> Result<Annotations, DataError> {
    let is_pixel_corners = options.corners == Corners::Xyxy && options.unit == Unit::Pixels;
    if options.inclusive && !is_pixel_corners {
        let message = "`inclusive` is for corners in pixels (`xyxy`); leave it out";
        return Err(DataError::invalid(path, "", message));
    }
    let table = CsvTable::read(path)?;
    let columns = Columns::find(&table, options)?;
    let mut images: BTreeMap<String, usize> = BTreeMap::new();
    let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut annotations = Annotations::default();
    for row in table.rows() {
        let name = needed(&table, row, columns.image)?;
        let rater = columns.rater.needed(&table, row)?;
        let image_idx = *images.entry(name.to_owned()).or_insert_with(|| {
            let size = options.sizes.and_then(|sizes| sizes.get(name)).copied();
            annotations.images.push(AnnotatedImage {
                name: name.to_owned(),
                size,
                gold: Vec::new(),
            });
            annotations.images.len() - 1
        });
        let image = &mut annotations.images[image_idx];
        if let Some(size) = columns.size(&table, row)? {
            let known = *image.size.get_or_insert(size);
            if known != size {
                let message = format!(
                    "found the size {size} of the image `{name}`, which was {known} before"
                );
                return Err(table.invalid(row.line, columns.name(&table, columns.size), message));
            }
        }
        let place = *places.entry((name.to_owned(), rater.to_owned())).or_insert_with(|| {
            annotations.readings.push(RawReading {
                image: name.to_owned(),
                rater: rater.to_owned(),
                size: None,
                labels: Vec::new(),
                regions: Vec::new(),
                file: path.to_path_buf(),
            });
            annotations.readings.len() - 1
        });
        let reading = &mut annotations.readings[place];
        let numbers = columns.numbers(&table, row)?;
        let Some(numbers) = numbers else {
            let label = columns.concept.of(row);
            if !label.is_empty() && matches!(options.concept, Cell::Column(_)) {
                reading.labels.push(label.to_owned());
            }
            continue;
        };
        let concept = columns.concept.needed(&table, row)?.to_owned();
        let shape = whole_pixels(numbers, options, image.size)
            .map_err(|message| table.invalid(row.line, options.numbers[0], message))?;
        reading.regions.push(Region { concept, attributes: Vec::new(), shape });
    }
    for reading in &mut annotations.readings {
        let image = images.get(&reading.image).map(|&idx| &annotations.images[idx]);
        reading.size = image.and_then(|image| image.size);
    }
    Ok(annotations)
}

/// Where the cells are.
struct Columns<'a> {
    image: usize,
    rater: Place<'a>,
    concept: Place<'a>,
    numbers: [usize; 4],
    size: Option<[usize; 2]>,
}

/// Where a word is.
enum Place<'a> {
    Column(usize),
    Value(&'a str),
}

impl<'a> Columns<'a> {
    fn find(table: &CsvTable, options: &BoxOptions<'a>) -> Result<Self, DataError> {
        let [x, y, z, w] = options.numbers;
        let [image, x, y, z, w] = table.positions([options.image, x, y, z, w])?;
        let place = |cell: Cell<'a>| match cell {
            Cell::Column(name) => table.positions([name]).map(|[place]| Place::Column(place)),
            Cell::Value(value) => Ok(Place::Value(value)),
        };
        Ok(Self {
            image,
            rater: place(options.rater)?,
            concept: place(options.concept)?,
            numbers: [x, y, z, w],
            size: options.size.map(|names| table.positions(names)).transpose()?,
        })
    }

    /// The four numbers; `None` where all are missing.
    fn numbers(&self, table: &CsvTable, row: &CsvLine) -> Result<Option<[f64; 4]>, DataError> {
        let mut numbers = [0.0; 4];
        let mut missing = None;
        for (number, column_idx) in numbers.iter_mut().zip(self.numbers) {
            match table.number(row, column_idx)? {
                Some(found) => *number = found,
                None => missing = Some(column_idx),
            }
        }
        let is_there = |column_idx: &usize| !row.cells[*column_idx].is_empty();
        match missing {
            None => Ok(Some(numbers)),
            Some(column_idx) if self.numbers.iter().any(is_there) => {
                let message = "found nothing; expected a number, or nothing in all four columns";
                Err(table.invalid(row.line, &table.columns()[column_idx], message))
            }
            Some(_) => Ok(None),
        }
    }

    /// The size of the image in this row, if there is one.
    fn size(&self, table: &CsvTable, row: &CsvLine) -> Result<Option<ImageSize>, DataError> {
        let Some([width, height]) = self.size else { return Ok(None) };
        let cells = [&row.cells[width], &row.cells[height]];
        if cells.iter().all(|cell| cell.is_empty()) {
            return Ok(None);
        }
        let side = |column_idx: usize| {
            let number = table.number(row, column_idx)?;
            let whole = number.filter(|number| *number >= 0.0 && number.fract() == 0.0);
            whole.map(|number| number as u64).ok_or_else(|| {
                let message =
                    format!("found `{}`; expected a number of pixels", row.cells[column_idx]);
                table.invalid(row.line, &table.columns()[column_idx], message)
            })
        };
        let size = shapes::image_size(side(width)?, side(height)?);
        size.map(Some)
            .map_err(|message| table.invalid(row.line, self.name(table, self.size), message))
    }

    /// The name of the first of two columns.
    fn name<'t>(&self, table: &'t CsvTable, columns: Option<[usize; 2]>) -> &'t str {
        columns.map_or("", |[first, _]| &table.columns()[first])
    }
}

impl<'a> Place<'a> {
    fn of<'r>(&self, row: &'r CsvLine) -> &'r str
    where
        'a: 'r,
    {
        match *self {
            Self::Column(column_idx) => &row.cells[column_idx],
            Self::Value(value) => value,
        }
    }

    fn needed<'r>(&self, table: &CsvTable, row: &'r CsvLine) -> Result<&'r str, DataError>
    where
        'a: 'r,
    {
        match *self {
            Self::Column(column_idx) => needed(table, row, column_idx),
            Self::Value(value) => Ok(value),
        }
    }
}

/// A cell that is not empty.
fn needed<'r>(table: &CsvTable, row: &'r CsvLine, column_idx: usize) -> Result<&'r str, DataError> {
    match row.cells[column_idx].as_str() {
        "" => {
            let message = "found nothing; expected a name";
            Err(table.invalid(row.line, &table.columns()[column_idx], message))
        }
        text => Ok(text),
    }
}

/// The pixels of a box, or the message of an error.
fn whole_pixels(
    [x, y, z, w]: [f64; 4],
    options: &BoxOptions<'_>,
    size: Option<ImageSize>,
) -> Result<Shape, String> {
    let (mut start, mut end) = match options.corners {
        Corners::Xyxy => ([x, y], [z, w]),
        Corners::Xywh => ([x, y], [x + z, y + w]),
    };
    if options.unit == Unit::Fraction {
        let size = size.ok_or(
            "found fractions of an image whose size is unknown; expected columns with its width and height",
        )?;
        let sides = [f64::from(size.width), f64::from(size.height)];
        [start, end] = [start, end].map(|corner| [0, 1].map(|axis| corner[axis] * sides[axis]));
    }
    let is_empty = |axis: usize| match options.inclusive {
        true => end[axis] < start[axis],
        false => end[axis] <= start[axis],
    };
    if is_empty(0) || is_empty(1) {
        return Err(format!(
            "found a box from ({}, {}) to ({}, {}); expected one with a width and a height",
            start[0], start[1], end[0], end[1]
        ));
    }
    let (first, last) = match options.inclusive {
        true => (start.map(f64::round), end.map(f64::round)),
        // The pixel 3 reaches from 3 to 4.
        false => (start.map(|one| (one - 0.5).ceil()), end.map(|one| (one - 0.5).ceil() - 1.0)),
    };
    if last[0] < first[0] || last[1] < first[1] {
        return Ok(Shape::Polygon { rings: Vec::new(), fill: Fill::Pil });
    }
    // Pillow draws a polygon of whole pixels with its rim: from the first pixel to the last.
    let ring: Ring = shapes::rectangle(first, last);
    shapes::outline(vec![ring], Fill::Pil)
}

#[cfg(test)]
mod tests;
