//! Commands in messages, as a shell takes them.

use std::path::Path;

/// `path` as one word of a shell, which no command takes for an option.
pub fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-+=:@%,".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::word;
    use std::path::Path;

    #[test]
    fn a_path_is_one_word() {
        for (path, expected) in [
            ("runs/birds-001", "runs/birds-001"),
            ("my run", "'my run'"),
            ("-x", "./-x"),
            ("it's $HOME", "'it'\\''s $HOME'"),
            ("", "''"),
        ] {
            assert_eq!(word(Path::new(path)), expected);
        }
    }
}
