//! The templates and how they escape what they are given.

use crate::error::ReportError;
use dermx_table::escape_markdown;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{
    AutoEscape, Environment, Output, State, UndefinedBehavior, Value, context, escape_formatter,
};
use serde::Serialize;

/// The HTML page.
pub const PAGE: &str = "page.html";
/// The Markdown page.
pub const MARKDOWN: &str = "report.md";
/// Training curves.
pub const CURVES: &str = "curves.svg";
/// A confusion matrix.
pub const MATRIX: &str = "matrix.svg";
/// Intervals beside what they are compared with.
pub const DOTS: &str = "dots.svg";
/// A page of comparisons.
pub const COMPARISON: &str = "comparison.html";
/// How often a network is right beside how sure it says it is.
pub const RELIABILITY: &str = "reliability.svg";
/// A page about a data set.
pub const DATASET: &str = "dataset.html";
/// A page of tables.
pub const TABLES: &str = "tables.html";

const SOURCES: [(&str, &str); 17] = [
    ("head.html", include_str!("../templates/head.html")),
    (PAGE, include_str!("../templates/page.html")),
    ("page.css", include_str!("../templates/page.css")),
    ("figure.css", include_str!("../templates/figure.css")),
    ("gallery.js", include_str!("../templates/gallery.js")),
    (MARKDOWN, include_str!("../templates/report.md")),
    (CURVES, include_str!("../templates/curves.svg")),
    (MATRIX, include_str!("../templates/matrix.svg")),
    (DOTS, include_str!("../templates/dots.svg")),
    (COMPARISON, include_str!("../templates/comparison.html")),
    ("parts.html", include_str!("../templates/parts.html")),
    (RELIABILITY, include_str!("../templates/reliability.svg")),
    ("diagnosis.html", include_str!("../templates/diagnosis.html")),
    ("diagnosis.md", include_str!("../templates/diagnosis.md")),
    (TABLES, include_str!("../templates/tables.html")),
    (DATASET, include_str!("../templates/dataset.html")),
    ("dataset.css", include_str!("../templates/dataset.css")),
];

/// Every template of this crate.
pub struct Templates(Environment<'static>);

/// A figure in its two forms.
pub struct Drawing {
    pub name: String,
    pub description: String,
    /// For the page, which brings the style.
    pub inline_svg: String,
    /// With its own style.
    pub file_svg: String,
}

impl Templates {
    pub fn new() -> Result<Self, ReportError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
        environment.set_syntax(syntax.build()?);
        environment.set_auto_escape_callback(|name| match name.rsplit_once('.') {
            Some((_, "md")) => AutoEscape::Custom("markdown".into()),
            _ => AutoEscape::Html,
        });
        environment.set_formatter(format);
        for (name, source) in SOURCES {
            environment.add_template(name, source)?;
        }
        Ok(Self(environment))
    }

    pub fn render(&self, name: &str, context: &impl Serialize) -> Result<String, ReportError> {
        Ok(self.0.get_template(name)?.render(Value::from(Serde(context)))?)
    }

    /// Draws a chart or matrix, whose fields `name` and `description` name it.
    pub fn figure(&self, name: &str, figure: &impl Serialize) -> Result<Drawing, ReportError> {
        let figure = Value::from(Serde(figure));
        let draw =
            |standalone| self.render(name, &context! { figure => figure.clone(), standalone });
        Ok(Drawing {
            name: figure.get_attr("name")?.to_string(),
            description: figure.get_attr("description")?.to_string(),
            inline_svg: draw(false)?,
            file_svg: draw(true)?,
        })
    }
}

fn format(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    if matches!(state.auto_escape(), AutoEscape::Html) {
        return escape_formatter(out, state, value);
    }
    let text = value.to_string();
    let is_outside_text = value.kind() == ValueKind::String && !value.is_safe();
    out.write_str(&if is_outside_text { escape_markdown(&text) } else { text })?;
    Ok(())
}
