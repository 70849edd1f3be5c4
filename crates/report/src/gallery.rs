//! Photos with what experts outlined and where the network looked.

use crate::error::ReportError;
use crate::input::{Chosen, GalleryItem, ReportInput, Rgb};
use crate::score_text::{decimal, decimal_or_undefined, readable};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use std::collections::BTreeSet;

/// The gold class of an image that has none.
const NO_CLASS: &str = "no gold class";

/// One item as the templates see it.
#[derive(Debug, Serialize)]
pub struct Item {
    image_id: String,
    seed: Option<u64>,
    gold: String,
    predicted: Option<String>,
    /// `right`, `wrong` or `none`.
    result: &'static str,
    probability: String,
    /// The class that the map explains; empty where it is not known.
    explained: String,
    explained_probability: String,
    /// Why it is shown: keys to filter by, with spaces between them.
    chosen: String,
    /// The same in words.
    chosen_words: String,
    /// Name and color of each rater.
    raters: Vec<(String, String)>,
    num_raters: usize,
    union_f1: String,
    union_mass: String,
    /// Key to sort by; undefined sorts last.
    sort_f1: String,
    agreement: String,
    /// Key to sort by; undefined sorts last.
    sort_agreement: String,
    pictures: Vec<Picture>,
}

#[derive(Debug, Serialize)]
struct Picture {
    label: String,
    alt: String,
    path: String,
    base64: String,
}

/// The items in their order.
///
/// # Errors
///
/// [`ReportError::NotJpeg`] for a picture that is not a JPEG file.
pub fn items(input: &ReportInput) -> Result<Vec<Item>, ReportError> {
    input.gallery.iter().enumerate().map(|(idx, item)| view(idx, item)).collect()
}

/// What is shown as an item's gold class.
fn gold_of(item: &GalleryItem) -> String {
    if item.gold.is_empty() { NO_CLASS.to_owned() } else { readable(&item.gold) }
}

/// Every gold diagnosis of the gallery once, in the order of the alphabet.
pub fn diagnoses(input: &ReportInput) -> BTreeSet<String> {
    input.gallery.iter().map(gold_of).collect()
}

/// Every picture as (path, contents).
pub fn files(input: &ReportInput) -> Vec<(String, Vec<u8>)> {
    let items = input.gallery.iter().enumerate();
    items
        .flat_map(|(idx, item)| {
            let pictures = pictures(item).into_iter();
            pictures.map(move |(name, .., jpeg)| (path(idx, item, &name), jpeg.to_vec()))
        })
        .collect()
}

/// Each reason that some photo is shown for: its key and its words.
pub fn choices(input: &ReportInput) -> Vec<(&'static str, &'static str)> {
    let of_items = input.gallery.iter().flat_map(|item| item.chosen.iter().copied());
    let chosen: BTreeSet<Chosen> = of_items.collect();
    chosen.into_iter().map(|chosen| (key_of(chosen), words_of(chosen))).collect()
}

/// What programs call the reason.
pub fn key_of(chosen: Chosen) -> &'static str {
    match chosen {
        Chosen::First => "first",
        Chosen::Best => "best",
        Chosen::Worst => "worst",
        Chosen::Random => "random",
    }
}

fn words_of(chosen: Chosen) -> &'static str {
    match chosen {
        Chosen::First => "first of its class",
        Chosen::Best => "among the best",
        Chosen::Worst => "among the worst",
        Chosen::Random => "drawn at random",
    }
}

/// The reasons of an item as one text.
pub fn joined(item: &GalleryItem, between: &str, text: fn(Chosen) -> &'static str) -> String {
    let texts: Vec<&str> = item.chosen.iter().copied().map(text).collect();
    texts.join(between)
}

/// The color scale as stops of a gradient; empty without one.
pub fn gradient(input: &ReportInput) -> String {
    let stops: Vec<String> = input.color_scale.iter().copied().map(css).collect();
    stops.join(", ")
}

fn css([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Three decimals; empty for no number.
fn finite(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map(decimal).unwrap_or_default()
}

fn view(idx: usize, item: &GalleryItem) -> Result<Item, ReportError> {
    let pictures = pictures(item).into_iter().map(|(name, label, field, jpeg)| {
        if !jpeg.starts_with(&[0xff, 0xd8]) {
            return Err(ReportError::NotJpeg {
                image_id: item.image_id.clone(),
                field,
                num_bytes: jpeg.len(),
            });
        }
        Ok(Picture {
            alt: format!("{label}, image {}", item.image_id),
            label,
            path: path(idx, item, &name),
            base64: STANDARD.encode(jpeg),
        })
    });
    Ok(Item {
        image_id: item.image_id.clone(),
        seed: item.seed,
        gold: gold_of(item),
        predicted: item.predicted.as_deref().map(readable),
        result: match &item.predicted {
            None => "none",
            Some(predicted) if *predicted == item.gold => "right",
            Some(_) => "wrong",
        },
        probability: finite(item.probability),
        explained: item.explained.as_deref().map(readable).unwrap_or_default(),
        explained_probability: finite(item.explained_probability),
        chosen: joined(item, " ", key_of),
        chosen_words: joined(item, ", ", words_of),
        raters: item.raters.iter().map(|one| (readable(&one.rater), css(one.color))).collect(),
        num_raters: item.raters.len(),
        union_f1: decimal_or_undefined(item.union_f1),
        union_mass: decimal_or_undefined(item.union_mass),
        sort_f1: finite(item.union_f1),
        agreement: decimal_or_undefined(item.agreement),
        sort_agreement: finite(item.agreement),
        pictures: pictures.collect::<Result<_, _>>()?,
    })
}

/// File name part, label, input field and bytes of the pictures: photo, masks if there are any, heat map, and one
/// more for each other network.
fn pictures(item: &GalleryItem) -> Vec<(String, String, &'static str, &[u8])> {
    let own = [
        ("photo", "Photo", "photo_jpeg", Some(&item.photo_jpeg)),
        ("masks", "Raters' outlines", "mask_overlay_jpeg", item.mask_overlay_jpeg.as_ref()),
        ("heatmap", "Heat map", "heatmap_overlay_jpeg", Some(&item.heatmap_overlay_jpeg)),
    ];
    let own = own.into_iter().filter_map(|(name, label, field, jpeg)| {
        Some((name.to_owned(), label.to_owned(), field, jpeg?.as_slice()))
    });
    let others = item.other_heatmaps.iter().enumerate().map(|(idx, (network, jpeg))| {
        let name = format!("heatmap_{}", idx + 2);
        (name, format!("Heat map of {network}"), "other_heatmaps", jpeg.as_slice())
    });
    own.chain(others).collect()
}

/// A path that any file system and any Markdown reader takes; the number keeps it unique.
fn path(idx: usize, item: &GalleryItem, name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let id: String = item.image_id.chars().take(60).map(safe).collect();
    format!("gallery/{:03}_{id}_{name}.jpg", idx + 1)
}
