//! One hash over what a data set says, wherever it lies and however its files are written.

use crate::{DermxDataset, Evaluation, ImageRecord, Instance};

impl DermxDataset {
    /// BLAKE3 of the images and of the evaluations that are [selected](Self::select).
    ///
    /// Equal for equal annotations: paths, the order of files and their white space do not count, nor do
    /// masks in files of their own.
    pub fn content_hash(&self) -> blake3::Hash {
        let mut content = Content(blake3::Hasher::new());
        content.list(self.images(), Content::image);
        content.list(self.evaluations(), Content::evaluation);
        content.0.finalize()
    }
}

/// Everything has its length before it, so that no two contents are the same bytes.
struct Content(blake3::Hasher);

impl Content {
    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn text(&mut self, text: &String) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], item: impl Fn(&mut Self, &T)) {
        self.number(items.len() as u64);
        items.iter().for_each(|one| item(self, one));
    }

    fn image(&mut self, image: &ImageRecord) {
        let ImageRecord { image_id, diagnosis, skin_tone, age, .. } = image;
        [image_id, diagnosis, skin_tone, age].into_iter().for_each(|text| self.text(text));
    }

    fn evaluation(&mut self, evaluation: &Evaluation) {
        let Evaluation { image_id, rater, size, diagnoses, discards, tags, unknown, .. } =
            evaluation;
        [image_id, rater].into_iter().for_each(|text| self.text(text));
        [size.height, size.width].into_iter().for_each(|side| self.number(side.into()));
        for labels in [diagnoses, discards, tags, unknown] {
            self.list(labels, Self::text);
        }
        self.list(&evaluation.instances, Self::instance);
    }

    fn instance(&mut self, instance: &Instance) {
        let Instance { characteristic, attributes, rings } = instance;
        self.text(characteristic);
        self.list(attributes, Self::text);
        self.list(rings, |content, ring| {
            content.list(ring, |content, point| {
                point.iter().for_each(|value| content.number(value.to_bits()));
            });
        });
    }
}
