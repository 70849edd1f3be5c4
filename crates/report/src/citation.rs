//! What a paper says of these results.

use crate::input::Citation;
use dermx_table::escape_latex;
use serde::Serialize;

/// The box "cite this run" as the templates see it.
#[derive(Debug, Serialize)]
pub struct CiteBox {
    facts: Vec<(String, String)>,
    bibtex: String,
}

/// What all hashes are.
const HASH: &str = "BLAKE3";

impl CiteBox {
    /// The facts one by one, and as an entry of BibTeX.
    pub fn new(title: &str, citation: &Citation) -> Self {
        let Citation { name, certificates, version, dataset: (dataset, hash) } = citation;
        let mut facts =
            vec![("dermx".to_owned(), version.clone()), ("Data set".to_owned(), dataset.clone())];
        if !hash.is_empty() {
            facts.push((format!("Annotations ({HASH})"), hash.clone()));
        }
        let certified = certificates.iter();
        facts.extend(
            certified.map(|(of, hash)| (format!("Certificate of {of} ({HASH})"), hash.clone())),
        );
        let told =
            facts.iter().skip(1).map(|(what, value)| format!("{}: {}", tex(what), tex(value)));
        let told: Vec<String> = told.collect();
        let bibtex = format!(
            "@misc{{{},\n  title = {{{}}},\n  howpublished = {{dermx, version {}}},\n  note = {{{}}}\n}}",
            key(name),
            tex(title),
            tex(version),
            told.join("; ")
        );
        Self { facts, bibtex }
    }
}

/// A key that BibTeX takes.
fn key(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = name.chars().take(60).map(safe).collect();
    format!("dermx:{name}")
}

/// Text that LaTeX shows as it is; BibTeX counts braces even where they are escaped.
fn tex(text: &str) -> String {
    escape_latex(&text.replace(['{', '}'], ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_names_version_data_and_certificates_and_its_braces_close() {
        let citation = Citation {
            name: "run 1/x".to_owned(),
            certificates: vec![("seed 0".to_owned(), "5dff".to_owned())],
            version: "0.2.0".to_owned(),
            dataset: ("birds_2".to_owned(), "ab12".to_owned()),
        };
        let found = CiteBox::new("100 % {done", &citation);
        let expected = "@misc{dermx:run_1_x,\n  title = {100 \\% done},\n  howpublished = {dermx, version \
                        0.2.0},\n  note = {Data set: birds\\_2; Annotations (BLAKE3): ab12; Certificate of seed \
                        0 (BLAKE3): 5dff}\n}";
        assert_eq!(found.bibtex, expected);
        assert_eq!(found.facts.len(), 4);
    }
}
