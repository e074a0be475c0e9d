//! Names: policy keys and what they are made of, the default names of rules, scopes and their parents, and the patterns
//! that names in a policy file must match. Spec: policy-language §4, §5.1.

use super::model::{Body, Policy};
use crate::yaml::Pattern;

/// Names of resources, principals and roles in policies.
pub const RESOURCE_NAME: Pattern = Pattern {
    text: r"^[^!*?\[\]{}]+$",
    accepts: |s| !s.is_empty() && !s.contains(['!', '*', '?', '[', ']', '{', '}']),
};

/// Policy versions.
pub const VERSION: Pattern = Pattern { text: r"^[\w]+$", accepts: |s| !s.is_empty() && s.chars().all(is_word) };

/// Versions of role policies, which may be empty.
pub const ROLE_VERSION: Pattern = Pattern { text: r"^[\w]*$", accepts: |s| s.chars().all(is_word) };

/// Scopes.
pub const SCOPE: Pattern = Pattern {
    text: r"^(^$|\.|[0-9a-zA-Z][\w\-]*(\.\w[\w\-]*)*)$",
    accepts: |s| s.is_empty() || s == "." || is_scope(s),
};

/// Names of imports, exported sets and derived roles.
pub const SET_NAME: Pattern = Pattern {
    text: r"^[\w\-\.]+$",
    accepts: |s| !s.is_empty() && s.chars().all(|c| is_word(c) || matches!(c, '-' | '.')),
};

/// Names of rules.
pub const RULE_NAME: Pattern = Pattern {
    text: r"^([a-zA-Z][\w\@\.\-]*)*$",
    accepts: |s| {
        s.is_empty()
            || (s.starts_with(|c: char| c.is_ascii_alphabetic())
                && s.chars().all(|c| is_word(c) || matches!(c, '@' | '.' | '-')))
    },
};

/// The version used where none is given.
pub const DEFAULT_VERSION: &str = "default";

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_scope(scope: &str) -> bool {
    scope.split('.').enumerate().all(|(i, part)| {
        let first = |c: char| c.is_ascii_alphanumeric() || (i > 0 && c == '_');
        part.starts_with(first) && part.chars().all(|c| is_word(c) || c == '-')
    })
}

/// True if `name` can name a variable, a constant or a global.
///
/// # Errors
/// The reference's message if it can't.
pub fn check_identifier(name: &str) -> Result<(), String> {
    if matches!(name, "false" | "in" | "null" | "true") {
        return Err(format!("\"{name}\" is a reserved keyword and can't be used as an identifier"));
    }
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(is_word);
    if good { Ok(()) } else { Err(format!("{} is not a valid identifier", crate::yaml::go_quote(name))) }
}

/// A name or version as policy keys show it: in names of the usual form, every run of characters other than `\w` and
/// `.` becomes one `_`; other names stay as they are.
#[must_use]
pub fn sanitize(name: &str) -> String {
    let usual = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| is_word(c) || matches!(c, '@' | '.' | '-' | '/'))
    };
    if !name.split(':').all(usual) {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len());
    let mut run = false;
    for c in name.chars() {
        if is_word(c) || c == '.' {
            out.push(c);
            run = false;
        } else if !run {
            out.push('_');
            run = true;
        }
    }
    out
}

/// `resource.<name>.v<version>[/<scope>]`
#[must_use]
pub fn resource_key(name: &str, version: &str, scope: &str) -> String {
    versioned_key("resource", name, version, scope)
}

/// `principal.<name>.v<version>[/<scope>]`
#[must_use]
pub fn principal_key(name: &str, version: &str, scope: &str) -> String {
    versioned_key("principal", name, version, scope)
}

/// `role.<name>.v<version>[/<scope>]`; an empty version means `default`.
#[must_use]
pub fn role_key(name: &str, version: &str, scope: &str) -> String {
    versioned_key("role", name, if version.is_empty() { DEFAULT_VERSION } else { version }, scope)
}

fn versioned_key(kind: &str, name: &str, version: &str, scope: &str) -> String {
    let mut key = format!("{kind}.{}.v{}", sanitize(name), sanitize(version));
    if !scope.is_empty() {
        key.push('/');
        key.push_str(scope);
    }
    key
}

/// `derived_roles.<name>`
#[must_use]
pub fn derived_roles_key(name: &str) -> String {
    format!("derived_roles.{}", sanitize(name))
}

/// `export_variables.<name>`
#[must_use]
pub fn export_variables_key(name: &str) -> String {
    format!("export_variables.{}", sanitize(name))
}

/// `export_constants.<name>`
#[must_use]
pub fn export_constants_key(name: &str) -> String {
    format!("export_constants.{}", sanitize(name))
}

impl Policy {
    /// The policy key: what responses, logs and errors show. Two policies with the same key are duplicates.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.body {
            Body::Resource(p) => resource_key(&p.resource.value, &p.version.value, &p.scope.value),
            Body::Principal(p) => principal_key(&p.principal.value, &p.version.value, &p.scope.value),
            Body::Role(p) => role_key(&p.role.value, &p.version.value, &p.scope.value),
            Body::DerivedRoles(p) => derived_roles_key(&p.name.value),
            Body::ExportVariables(p) => export_variables_key(&p.name.value),
            Body::ExportConstants(p) => export_constants_key(&p.name.value),
        }
    }
}

/// The fully qualified name of a policy key, as traces print it.
#[must_use]
pub fn fqn(key: &str) -> String {
    format!("cerbos.{key}")
}

/// The name of an unnamed rule of a resource policy; `index` from 0.
#[must_use]
pub fn resource_rule_name(index: usize) -> String {
    format!("rule-{:03}", index + 1)
}

/// The name of an unnamed action rule of a principal policy; `index` from 0.
#[must_use]
pub fn principal_rule_name(resource: &str, index: usize) -> String {
    format!("{resource}_rule-{:03}", index + 1)
}

/// The scopes above `scope`, nearest first, down to the root (`""`). The root has none.
pub fn scope_parents(scope: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(scope).filter(|s| !s.is_empty());
    std::iter::from_fn(move || {
        let parent = rest?.rsplit_once('.').map_or("", |(parent, _)| parent);
        rest = Some(parent).filter(|s| !s.is_empty());
        Some(parent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sanitised_as_in_the_reference() {
        for (name, want) in [
            ("album:object", "album_object"),
            ("leave-request", "leave_request"),
            ("a//b", "a_b"),
            ("u5@x.com", "u5_x.com"),
            ("1doc", "1doc"),
            ("x:1", "x:1"),
            ("a b", "a b"),
            ("é", "é"),
            ("mcp::github", "mcp::github"),
        ] {
            assert_eq!(sanitize(name), want, "{name}");
        }
    }

    #[test]
    fn keys_have_version_and_scope() {
        assert_eq!(resource_key("album:object", "default", ""), "resource.album_object.vdefault");
        assert_eq!(role_key("acme_admin", "", "a.b"), "role.acme_admin.vdefault/a.b");
        assert_eq!(fqn(&derived_roles_key("x-y")), "cerbos.derived_roles.x_y");
    }

    #[test]
    fn parents_of_a_scope_end_at_the_root() {
        let parents = |s| scope_parents(s).collect::<Vec<_>>();
        assert_eq!(parents("a.b.c"), ["a.b", "a", ""]);
        assert_eq!(parents("a"), [""]);
        assert!(parents("").is_empty());
    }

    #[test]
    fn patterns_accept_what_the_expressions_accept() {
        let cases: &[(Pattern, &[&str], &[&str])] = &[
            (RESOURCE_NAME, &["a", "a b", "é:/x", "a\nb"], &["", "a*", "a{b", "[", "!"]),
            (VERSION, &["1", "a_B"], &["", "a-b", "é", "a."]),
            (ROLE_VERSION, &["", "1"], &["a-b"]),
            (SCOPE, &["", ".", "a", "1a-_", "a._b.c-"], &["a..b", ".a", "a.", "-a", "_a", "a.-b", "a b"]),
            (SET_NAME, &["a-b.c_d", "1", "-"], &["", "a b", "é"]),
            (RULE_NAME, &["", "a", "a@b.c-d", "aB1"], &["1", "a b", "-a", "a/b"]),
        ];
        for (pattern, good, bad) in cases {
            let oracle =
                regex::Regex::new(&format!("(?-u){}", pattern.text.replace("[^!", "(?u:[^!").replace("{}]+", "{}])+")));
            for text in *good {
                assert!((pattern.accepts)(text), "{} {text:?}", pattern.text);
            }
            for text in *bad {
                assert!(!(pattern.accepts)(text), "{} {text:?}", pattern.text);
            }
            if let Ok(oracle) = oracle {
                for text in good.iter().chain(*bad) {
                    assert_eq!(oracle.is_match(text), (pattern.accepts)(text), "{} {text:?}", pattern.text);
                }
            }
        }
    }

    #[test]
    fn identifiers_are_checked() {
        for good in ["a", "_", "a1", "V"] {
            assert_eq!(check_identifier(good), Ok(()));
        }
        for (bad, message) in [
            ("", "\"\" is not a valid identifier"),
            ("1a", "\"1a\" is not a valid identifier"),
            ("in", "\"in\" is a reserved keyword and can't be used as an identifier"),
        ] {
            assert_eq!(check_identifier(bad), Err(message.to_owned()));
        }
    }
}
