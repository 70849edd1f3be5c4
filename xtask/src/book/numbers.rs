//! Numbers in documents that come from a file: `<!-- FILE.json /pointer -->0.87` says that 0.87 is the value
//! there, rounded to the digits that are printed.

use serde_json::Value;

/// The numbers of a document that are not those of their files; `read` gives a file of the project.
pub fn problems(name: &str, text: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut problems = Vec::new();
    for (file, pointer, printed) in marked(text) {
        let value = read(file).and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let value = value.as_ref().and_then(|value| value.pointer(pointer)).and_then(Value::as_f64);
        match value {
            None => problems.push(format!("{name}: {file} has no number {pointer}")),
            Some(value) if rounded(value, printed) != printed => {
                problems.push(format!("{name}: `{printed}` is {value} in {file}, {pointer}"))
            }
            Some(_) => {}
        }
    }
    problems
}

/// File, pointer and the number as printed, of each mark.
fn marked(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    text.split("<!-- ").skip(1).filter_map(|rest| {
        let (mark, rest) = rest.split_once(" -->")?;
        let (file, pointer) = mark.split_once(' ')?;
        let is_mark = file.ends_with(".json") && pointer.starts_with('/');
        let rest = rest.trim_start_matches(['*', ' ']);
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'));
        let printed = rest[..end.unwrap_or(rest.len())].trim_end_matches(['.', '-']);
        is_mark.then_some((file, pointer, printed))
    })
}

/// `value` with as many digits behind the point as `printed` has.
fn rounded(value: f64, printed: &str) -> String {
    let digits = printed.split_once('.').map_or(0, |(_, digits)| digits.len());
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::problems;

    fn of(text: &str) -> Vec<String> {
        let read = |file: &str| (file == "a.json").then(|| r#"{"b": [0.8662, 252]}"#.to_string());
        problems("x.md", text, read)
    }

    #[test]
    fn numbers_are_those_of_their_files_in_the_digits_that_are_printed() {
        let text =
            "F1 <!-- a.json /b/0 -->0.87, <!-- a.json /b/0 -->**0.866**, <!-- a.json /b/1 -->252.";
        assert_eq!(of(text), Vec::<String>::new());
        assert_eq!(of("<!-- a.json /b/0 -->0.86")[0], "x.md: `0.86` is 0.8662 in a.json, /b/0");
        assert_eq!(of("<!-- a.json /c -->1").len(), 1);
        assert_eq!(of("<!-- none.json /b/0 -->1").len(), 1);
        assert_eq!(of("<!-- a.json /b/0 -->none").len(), 1);
        assert_eq!(of("<!-- a comment --> 3"), Vec::<String>::new());
    }
}
