//! The orientation in a packet of XMP.

use memchr::memmem;

/// The namespace of the property, which most programs call `tiff`.
const NAMESPACE: &[u8] = b"http://ns.adobe.com/tiff/1.0/";

/// The property without its prefix.
const NAME: &[u8] = b"Orientation";

/// Prefixes of the namespace that are looked for; a packet has one.
const MAX_PREFIXES: usize = 8;

/// The first valid `tiff:Orientation`, 1 to 8, as attribute or element.
///
/// The text is searched rather than parsed: packets are padded, cut off and embedded in others, and a
/// value in a damaged one is still what its program meant.
pub(super) fn orientation(packet: &[u8]) -> Option<u8> {
    let mut prefixes = vec![b"tiff".as_slice()];
    let bound = memmem::find_iter(packet, NAMESPACE).filter_map(|at| bound_to(&packet[..at]));
    prefixes.extend(bound.take(MAX_PREFIXES));
    memmem::find_iter(packet, NAME).find_map(|at| {
        let prefix = packet[..at].strip_suffix(b":")?;
        let is_known = prefixes.contains(&last_name(prefix));
        is_known.then(|| value(&packet[at + NAME.len()..])).flatten()
    })
}

/// The prefix in `xmlns:PREFIX="`, the end of the text before the name of a namespace.
fn bound_to(before: &[u8]) -> Option<&[u8]> {
    let before = before.strip_suffix(b"\"").or(before.strip_suffix(b"'"))?.trim_ascii_end();
    let before = before.strip_suffix(b"=")?.trim_ascii_end();
    let name = last_name(before);
    before[..before.len() - name.len()].ends_with(b"xmlns:").then_some(name)
}

/// The letters, digits, `_`, `-` and `.` at the end of a text.
fn last_name(text: &[u8]) -> &[u8] {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let length = text.iter().rev().take_while(|byte| is_of_name(byte)).count();
    &text[text.len() - length..]
}

/// The value behind the name: `="6"`, or what stands behind the end of the tag.
fn value(behind: &[u8]) -> Option<u8> {
    let text = behind.trim_ascii_start();
    let text = match text.strip_prefix(b"=") {
        Some(text) => {
            let text = text.trim_ascii_start();
            text.strip_prefix(b"\"").or(text.strip_prefix(b"'"))?
        }
        None => {
            let end = memchr::memchr2(b'>', b'<', text)?;
            text[end..].strip_prefix(b">")?
        }
    };
    match text.trim_ascii_start() {
        [digit @ b'1'..=b'8', rest @ ..]
            if !rest.first().is_some_and(u8::is_ascii_alphanumeric) =>
        {
            Some(digit - b'0')
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::orientation;

    fn of(packet: &str) -> Option<u8> {
        orientation(packet.as_bytes())
    }

    #[test]
    fn attributes_and_elements_are_read() {
        assert_eq!(of(r#"<rdf:Description tiff:Orientation="6"/>"#), Some(6));
        assert_eq!(of("<rdf:Description tiff:Orientation = '8' />"), Some(8));
        assert_eq!(of("<tiff:Orientation>3</tiff:Orientation>"), Some(3));
        assert_eq!(
            of("<tiff:Orientation rdf:datatype=\"&xsd;int\">\n 5 </tiff:Orientation>"),
            Some(5)
        );
    }

    #[test]
    fn a_prefix_is_what_the_packet_binds() {
        let bound = r#"xmlns:ns1 = "http://ns.adobe.com/tiff/1.0/" ns1:Orientation="6""#;
        assert_eq!(of(bound), Some(6));
        assert_eq!(of(r#"ns1:Orientation="6""#), None);
        assert_eq!(of(r#"xmlns:e="http://ns.adobe.com/exif/1.0/" e:Orientation="6""#), None);
        assert_eq!(of(r#"mytiff:Orientation="6" Orientation="6""#), None);
    }

    #[test]
    fn values_that_are_not_valid_are_passed_over() {
        for text in ["0", "9", "16", "-6", "", "six", "6a"] {
            assert_eq!(of(&format!(r#"tiff:Orientation="{text}""#)), None, "{text}");
        }
        assert_eq!(of(r#"tiff:Orientation="0" tiff:Orientation="6""#), Some(6));
        assert_eq!(of("</tiff:Orientation> <tiff:Orientation"), None);
    }
}
