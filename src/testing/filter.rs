//! Which cases to run: `dimension=glob,glob;dimension=glob`. Within a dimension any glob may match, across dimensions
//! all must. Spec §16.4.

use crate::engine::glob::Pattern;
use crate::yaml::go_quote;

/// Patterns by dimension; a dimension without patterns lets everything through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    suite: Vec<Pattern>,
    test: Vec<Pattern>,
    principal: Vec<Pattern>,
    resource: Vec<Pattern>,
    action: Vec<Pattern>,
}

/// Why a filter can't be used; the texts are the reference's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// No such dimension.
    #[error("unknown filter dimension {0}: valid dimensions are suite, test, principal, resource, action")]
    Dimension(String),
    /// No `=`.
    #[error("invalid filter dimension format {0}: expected 'dimension=glob1,glob2'")]
    Format(String),
    /// Nothing to match.
    #[error("filter must contain at least one glob pattern in at least one dimension")]
    Empty,
}

impl Filter {
    /// Adds the dimensions of one `--test-filter` argument.
    ///
    /// # Errors
    /// See [`FilterError`].
    pub fn add(&mut self, text: &str) -> Result<(), FilterError> {
        let mut any = false;
        for part in text.split(';').map(str::trim).filter(|p| !p.is_empty()) {
            let (dimension, globs) = part.split_once('=').ok_or_else(|| FilterError::Format(go_quote(part)))?;
            let patterns = match dimension.trim() {
                "suite" => &mut self.suite,
                "test" => &mut self.test,
                "principal" => &mut self.principal,
                "resource" => &mut self.resource,
                "action" => &mut self.action,
                other => return Err(FilterError::Dimension(go_quote(other))),
            };
            for glob in globs.split(',').map(str::trim).filter(|g| !g.is_empty()) {
                patterns.push(Pattern::always(glob).unwrap_or_else(|_| Pattern::Literal(glob.into())));
                any = true;
            }
        }
        if any { Ok(()) } else { Err(FilterError::Empty) }
    }

    /// Why a suite's test is left out for a principal and a resource, if it is; the reference's words.
    #[must_use]
    pub fn excludes(&self, suite: &str, test: &str, principal: &str, resource: &str) -> Option<&'static str> {
        if !matches(&self.suite, suite) {
            Some("Suite did not match the test filter")
        } else if !matches(&self.test, test) {
            Some("Test did not match the test filter")
        } else if !matches(&self.principal, principal) {
            Some("Principal did not match the test filter")
        } else if !matches(&self.resource, resource) {
            Some("Resource did not match the test filter")
        } else {
            None
        }
    }

    /// Why an action is left out, if it is.
    #[must_use]
    pub fn excludes_action(&self, action: &str) -> Option<&'static str> {
        (!matches(&self.action, action)).then_some("No actions matched the test filter")
    }
}

fn matches(patterns: &[Pattern], text: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|p| p.matches(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(texts: &[&str]) -> Result<Filter, String> {
        let mut filter = Filter::default();
        for text in texts {
            filter.add(text).map_err(|e| e.to_string())?;
        }
        Ok(filter)
    }

    #[test]
    fn dimensions_are_all_to_match_and_globs_any() {
        let f = filter(&["suite=A,B*; test = t1", "action=view"]).unwrap();
        assert_eq!(f.excludes("A", "t1", "p", "r"), None);
        assert_eq!(f.excludes("Bx", "t1", "p", "r"), None);
        assert_eq!(f.excludes("C", "t1", "p", "r"), Some("Suite did not match the test filter"));
        assert_eq!(f.excludes("A", "t2", "p", "r"), Some("Test did not match the test filter"));
        assert_eq!(f.excludes_action("view"), None);
        assert_eq!(f.excludes_action("edit"), Some("No actions matched the test filter"));
    }

    #[test]
    fn bad_filters_are_refused_in_the_words_of_the_reference() {
        let dimensions = "valid dimensions are suite, test, principal, resource, action";
        for (text, want) in [
            ("foo=bar", format!("unknown filter dimension \"foo\": {dimensions}")),
            ("=a", format!("unknown filter dimension \"\": {dimensions}")),
            ("foo", "invalid filter dimension format \"foo\": expected 'dimension=glob1,glob2'".to_owned()),
            ("suite=;test=", "filter must contain at least one glob pattern in at least one dimension".to_owned()),
            (";", "filter must contain at least one glob pattern in at least one dimension".to_owned()),
        ] {
            assert_eq!(filter(&[text]).unwrap_err(), want);
        }
    }
}
