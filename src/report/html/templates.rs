use std::borrow::Cow;
use std::collections::BTreeMap;

/// The built-in templates, `(file name, text)`. What a template sees is the page's view:
/// `templates/report.html` uses all of it.
pub const TEMPLATES: &[(&str, &str)] = &[
    (
        "report.html",
        include_str!("../../../templates/report.html"),
    ),
    ("case.html", include_str!("../../../templates/case.html")),
    ("phase.html", include_str!("../../../templates/phase.html")),
    ("report.css", include_str!("../../../templates/report.css")),
    ("chart.css", include_str!("../../../templates/chart.css")),
    ("report.js", include_str!("../../../templates/report.js")),
    ("runs.html", include_str!("../../../templates/runs.html")),
];

/// The templates of a report: the built-in ones, single ones replaced.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    replaced: BTreeMap<String, String>,
}

impl Templates {
    /// The built-in ones.
    pub const EMBEDDED: Templates = Templates {
        replaced: BTreeMap::new(),
    };

    /// With template `name` replaced by `text`, or added, for another template to include.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.replaced.insert(name.into(), text.into());
        self
    }

    /// All templates.
    pub(in crate::report) fn iter(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let built_in = TEMPLATES
            .iter()
            .filter(|(name, _)| !self.replaced.contains_key(*name))
            .map(|(name, text)| (*name, Cow::Borrowed(*text)));
        let replaced = self
            .replaced
            .iter()
            .map(|(name, text)| (name.as_str(), Cow::Borrowed(text.as_str())));
        built_in.chain(replaced)
    }
}
