//! Names that become those of files.

/// The longest name: what is added to it (`.partial`, `.log`, the number of a claim) has to fit into the 255
/// bytes of file systems.
const MAX_BYTES: usize = 200;

/// What is wrong with `name` as that of a file in a folder of the sweep; a plan may come from anybody.
pub fn problem(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("is empty"),
        _ if name.len() > MAX_BYTES => Some("is longer than 200 bytes"),
        _ if name.starts_with('.') => Some("begins with a dot"),
        _ if name.contains(['/', '\\', ':']) => Some("has a `/`, `\\` or `:`, and would be a path"),
        _ if name.contains(char::is_control) => Some("has a control character"),
        _ if name.trim() != name => Some("has white space at an end"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn what_leads_out_of_a_folder_is_no_name() {
        let long = "x".repeat(201);
        for wrong in [
            "",
            ".",
            "..",
            "../x",
            "/x",
            "a/b",
            "a\\b",
            "C:x",
            "C:\\x",
            "x\0",
            "a\nb",
            "x\u{1b}[0m",
            ".x",
            " x",
            &long,
        ] {
            assert!(problem(wrong).is_some(), "{wrong:?}");
        }
        // Letters that only look like separators are letters of a name.
        for good in [
            "net-s0-1a2b3c4d",
            "größe-f1",
            "a b",
            "x..y",
            "\u{2025}\u{ff0f}x",
            "a'b\"c",
            &long[1..],
        ] {
            assert_eq!(problem(good), None, "{good}");
        }
    }
}
