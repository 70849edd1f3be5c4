//! One hash over what a data set says, wherever it lies and however its files are written.

use crate::{Dataset, Fill, Image, Reading, Region, Shape};

impl Dataset {
    /// BLAKE3 of the images and of the evaluations that are [selected](Self::select).
    ///
    /// Equal for equal annotations: paths, the order of files and their white space do not count, nor do
    /// masks in files of their own.
    pub fn content_hash(&self) -> blake3::Hash {
        if let Some(hash) = self.whole_hash {
            return hash;
        }
        let mut content = Content(blake3::Hasher::new());
        let attributes = &self.schema().image_attributes;
        content.list(self.images(), |content, image| content.image(image, attributes));
        content.list(self.readings(), Content::reading);
        content.0.finalize()
    }
}

/// Everything has its length before it, so that no two contents are the same bytes.
struct Content(blake3::Hasher);

impl Content {
    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], item: impl Fn(&mut Self, &T)) {
        self.number(items.len() as u64);
        items.iter().for_each(|one| item(self, one));
    }

    /// What says that something else follows than the length of a text or of a list.
    fn mark(&mut self, kind: u64) {
        self.number(u64::MAX - kind);
    }

    /// The class and the values of the schema's attributes, if it names them; else the classes, and whatever
    /// attributes there are.
    fn image(&mut self, image: &Image, attributes: &[String]) {
        self.text(&image.image_id);
        match (image.gold.as_slice(), attributes) {
            ([class], [_, ..]) => {
                self.text(class);
                attributes.iter().for_each(|name| self.text(image.attribute(name)));
            }
            (gold, _) => {
                self.mark(0);
                self.list(gold, |content, class| content.text(class));
                let attributes: Vec<_> = image.attributes.iter().collect();
                self.list(&attributes, |content, (name, value)| {
                    content.text(name);
                    content.text(value);
                });
            }
        }
    }

    fn reading(&mut self, reading: &Reading) {
        let Reading { image_id, rater, size, classes, discards, tags, unknown, .. } = reading;
        [image_id, rater].into_iter().for_each(|text| self.text(text));
        [size.height, size.width].into_iter().for_each(|side| self.number(side.into()));
        for labels in [classes, discards, tags, unknown] {
            self.list(labels, |content, label| content.text(label));
        }
        self.list(&reading.regions, Self::region);
    }

    fn region(&mut self, region: &Region) {
        let Region { concept, attributes, shape } = region;
        self.text(concept);
        self.list(attributes, |content, attribute| content.text(attribute));
        match shape {
            Shape::Polygon { rings, fill } => {
                match fill {
                    Fill::Darwin => {}
                    Fill::Coco => self.mark(1),
                    Fill::Pil => self.mark(2),
                }
                self.list(rings, |content, ring| {
                    content.list(ring, |content, point| {
                        point.iter().for_each(|value| content.number(value.to_bits()));
                    });
                });
            }
            Shape::Mask(mask) => {
                self.mark(3);
                self.number(mask.runs().len() as u64);
                // All at once: there may be a hundred thousand runs.
                let pixels = mask.runs().iter().flatten();
                let bytes: Vec<u8> =
                    pixels.flat_map(|&pixel| u64::from(pixel).to_le_bytes()).collect();
                self.0.update(&bytes);
            }
        }
    }
}
