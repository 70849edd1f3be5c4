//! What is known of an image beside what raters said.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// An image of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// Its path below the folder of the images without the extension of a photo, see
    /// [`image_id`](crate::image_id).
    pub image_id: String,
    /// The name of its file, which may have folders.
    pub file_name: String,
    /// Its photo, where the data set says where photos are.
    pub photo: Option<PathBuf>,
    /// The gold classes: none where it has no gold standard, or shows none of the classes.
    pub gold: Vec<String>,
    /// Whether the data set says that it shows none of the classes; else nothing is known of an image without
    /// gold classes.
    pub is_without_class: bool,
    /// The patient, owner or animal that other images may show, too.
    pub patient: Option<String>,
    /// What else is known, by name.
    pub attributes: BTreeMap<String, String>,
}

impl Image {
    /// The gold class of an image that has exactly one.
    pub fn gold_class(&self) -> Option<&str> {
        match self.gold.as_slice() {
            [class] => Some(class),
            _ => None,
        }
    }

    /// Every gold class, of an image whose gold classes are known: none is an answer, too.
    pub fn known_classes(&self) -> Option<&[String]> {
        (self.is_without_class || !self.gold.is_empty()).then_some(&self.gold)
    }

    /// The value of an attribute; empty where it has none.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}
