//! Training curves in the form that TensorBoard reads.

/// What was logged at one step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoggedStep {
    /// Where on the horizontal axis; dermx logs epochs.
    pub step: u64,
    /// Each scalar by its tag; a `/` in a tag makes a group.
    pub scalars: Vec<(String, f64)>,
}

/// What the first record of a file says of its format.
const VERSION: &str = "brain.Event:2";

/// The bytes of a TensorBoard event file.
///
/// The same steps give the same bytes, and more steps only append to them: the time of an event is
/// its step in seconds since 1970, not the hour it was written in. TensorBoard keeps scalars in single
/// precision.
///
/// # Source
/// Records: `tensorflow/core/lib/io/record_writer.h`; messages: `event.proto` and `summary.proto` of
/// `tensorflow/core`.
pub fn event_file(steps: &[LoggedStep]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut version = event(0);
    put_bytes(&mut version, 3, VERSION.as_bytes());
    put_record(&mut file, &version);
    for LoggedStep { step, scalars } in steps {
        for (tag, value) in scalars {
            let mut message = event(*step);
            put_bytes(&mut message, 5, &summary(tag, *value));
            put_record(&mut file, &message);
        }
    }
    file
}

/// `Event { wall_time = 1, step = 2 }`, to which its content is added; zeros are left out.
fn event(step: u64) -> Vec<u8> {
    let mut message = Vec::new();
    if step == 0 {
        return message;
    }
    put_key(&mut message, 1, WireType::Eight);
    message.extend((step as f64).to_le_bytes());
    put_key(&mut message, 2, WireType::Varint);
    put_varint(&mut message, step);
    message
}

/// `Summary { value = 1 }` of one `Value { tag = 1, simple_value = 2 }`.
fn summary(tag: &str, value: f64) -> Vec<u8> {
    let mut content = Vec::new();
    put_bytes(&mut content, 1, tag.as_bytes());
    put_key(&mut content, 2, WireType::Four);
    content.extend((value as f32).to_le_bytes());
    let mut message = Vec::new();
    put_bytes(&mut message, 1, &content);
    message
}

/// Length, its checksum, content, its checksum.
fn put_record(file: &mut Vec<u8>, content: &[u8]) {
    let length = (content.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked_crc(&length).to_le_bytes());
    file.extend(content);
    file.extend(masked_crc(content).to_le_bytes());
}

/// CRC-32C, turned and shifted so that a record which holds records does not check itself.
fn masked_crc(bytes: &[u8]) -> u32 {
    const DELTA: u32 = 0xa282_ead8;
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(DELTA)
}

/// How Protocol Buffers store a field.
#[derive(Clone, Copy)]
enum WireType {
    Varint = 0,
    Eight = 1,
    Length = 2,
    Four = 5,
}

fn put_key(message: &mut Vec<u8>, field: u8, wire_type: WireType) {
    message.push(field << 3 | wire_type as u8);
}

fn put_bytes(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    put_key(message, field, WireType::Length);
    put_varint(message, bytes.len() as u64);
    message.extend(bytes);
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::{LoggedStep, event_file, masked_crc, put_varint};

    #[test]
    fn checksums_and_numbers_by_hand() {
        // CRC-32C of "123456789" is e3069283 (RFC 3720, appendix B.4 has the polynomial). Turned by 15:
        // bits 14..0 (1283) go to the top, 2507c60d; plus a282ead8 is c78ab0e5.
        assert_eq!(masked_crc(b"123456789"), 0xc78a_b0e5);
        let mut bytes = Vec::new();
        // 300 = 2 * 128 + 44.
        [0, 127, 300].into_iter().for_each(|value| put_varint(&mut bytes, value));
        assert_eq!(bytes, [0, 127, 0x80 | 44, 2]);
    }

    #[test]
    fn more_steps_only_append() {
        let steps: Vec<LoggedStep> = (1..4)
            .map(|step| LoggedStep { step, scalars: vec![("a".into(), 0.5), ("b".into(), 1.0)] })
            .collect();
        let whole = event_file(&steps);
        assert!(whole.starts_with(&event_file(&steps[..2])));
        // One record for the version, two for each step.
        assert_eq!(whole.len() - event_file(&steps[..2]).len(), 2 * (8 + 4 + 23 + 4));
    }
}
