//! The images that tasks are of.

use percent_encoding::percent_decode_str;
use std::collections::{BTreeMap, BTreeSet};

/// Extensions of photos.
const PHOTO_EXTENSIONS: [&str; 9] =
    ["jpg", "jpeg", "png", "bmp", "gif", "webp", "tif", "tiff", "jfif"];

/// An image as a task names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageReference {
    /// Folders and the file name.
    parts: Vec<String>,
    /// The file name as it was before Label Studio put digits before it.
    name: String,
}

impl ImageReference {
    /// The image at a path or address.
    ///
    /// # Errors
    /// A message when it has no file name, or one that is not UTF-8.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shown: String = text.chars().take(80).collect();
        let path = path_of(text)
            .ok_or_else(|| format!("found `{shown}`; expected the path or address of an image"))?;
        let path = percent_decode_str(path)
            .decode_utf8()
            .map_err(|_| format!("found `{shown}`; expected a name in UTF-8"))?;
        let part = |part: &str| (!part.is_empty() && part != ".").then(|| part.to_owned());
        let parts: Vec<String> = path.split(['/', '\\']).filter_map(part).collect();
        let name = parts
            .last()
            .filter(|name| *name != "..")
            .ok_or_else(|| format!("found `{shown}`; expected the name of a file at its end"))?;
        let is_upload = parts.iter().any(|part| part == "upload");
        let name = upload_name(name).filter(|_| is_upload).unwrap_or(name).to_owned();
        Ok(Self { parts, name })
    }
}

/// The path in a path or address, still with percent-encoding; `None` where there is none.
fn path_of(text: &str) -> Option<&str> {
    if let Some((_, query)) = text.split_once("/data/local-files/?") {
        return query.split('&').find_map(|pair| pair.strip_prefix("d="));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return (!text.starts_with("data:")).then_some(text);
    };
    // The host, or the bucket, is no folder. Names in buckets may have any letter.
    let (_, path) = rest.split_once('/')?;
    match scheme {
        "http" | "https" => path.split(['?', '#']).next(),
        _ => Some(path),
    }
}

/// What comes after eight hexadecimal digits and a dash.
fn upload_name(name: &str) -> Option<&str> {
    let (digits, name) = name.split_once('-')?;
    let is_prefix = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_prefix && !name.is_empty()).then_some(name)
}

/// Whether a text names a photo.
pub(super) fn is_photo(text: &str) -> bool {
    let Ok(ImageReference { name, .. }) = ImageReference::parse(text) else { return false };
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| PHOTO_EXTENSIONS.contains(&extension.as_str()))
}

/// The name of each image: its file name or, where two images would have one, for all of them the path
/// below the folder that they have in common.
pub(super) fn short(images: &[ImageReference]) -> Vec<String> {
    let mut by_name: BTreeMap<&str, &[String]> = BTreeMap::new();
    let is_clear = images.iter().all(|ImageReference { parts, name }| {
        by_name.insert(name, parts).is_none_or(|before| before == parts.as_slice())
    });
    if is_clear {
        return images.iter().map(|image| image.name.clone()).collect();
    }
    let folders: BTreeSet<&[String]> = images
        .iter()
        .filter_map(|image| image.parts.split_last().map(|(_, folders)| folders))
        .collect();
    // Sorted, so what the first and the last have in common, all have.
    let num_common = match (folders.first(), folders.last()) {
        (Some(first), Some(last)) => first.iter().zip(*last).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    images.iter().map(|image| image.parts[num_common..].join("/")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<String> {
        let parse = |text: &&str| ImageReference::parse(text).unwrap();
        short(&texts.iter().map(parse).collect::<Vec<_>>())
    }

    #[test]
    fn the_file_name_counts_wherever_the_image_lies() {
        for (text, expected) in [
            ("/data/upload/1/abcdef12-name.jpg", "name.jpg"),
            ("/data/upload/1/abcdef12-a-b.jpg", "a-b.jpg"),
            ("upload/abcdef12-name.jpg", "name.jpg"),
            ("/data/local-files/?d=photos/abcdef12-name.jpg", "abcdef12-name.jpg"),
            ("/data/local-files/?d=my%20photos/K%C3%A4fer%231.jpg", "Käfer#1.jpg"),
            ("http://localhost:8080/data/local-files/?d=a%5Cb.png&x=1", "b.png"),
            ("https://host/cat/a%20b.jpg?token=a/b.png#c", "a b.jpg"),
            ("s3://bucket/cat/what?.jpg", "what?.jpg"),
            ("cat/001.jpg", "001.jpg"),
        ] {
            assert_eq!(names(&[text]), [expected], "{text}");
        }
    }

    #[test]
    fn images_of_one_file_name_are_told_apart_by_their_folders() {
        let texts = ["s3://b/set/a/1.jpg", "s3://b/set/b/1.jpg", "s3://b/set/a/1.jpg"];
        assert_eq!(names(&texts), ["a/1.jpg", "b/1.jpg", "a/1.jpg"]);
        // Two uploads of one file keep their digits.
        let texts = ["/data/upload/1/abcdef12-a.jpg", "/data/upload/1/abcdef13-a.jpg"];
        assert_eq!(names(&texts), ["abcdef12-a.jpg", "abcdef13-a.jpg"]);
        // One image in two tasks.
        assert_eq!(names(&["x/1.jpg", "x/1.jpg"]), ["1.jpg", "1.jpg"]);
    }

    #[test]
    fn what_names_no_file_is_refused() {
        for text in ["", "/", "data:image/png;base64,AAAA", "https://host", "a/..", "%ff.jpg"] {
            assert!(ImageReference::parse(text).is_err(), "{text}");
        }
        assert!(is_photo("/data/upload/1/abcdef12-name.JPG"));
        assert!(!is_photo("a text") && !is_photo("https://host/page.html"));
    }
}
