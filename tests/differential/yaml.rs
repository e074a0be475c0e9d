//! Writes a JSON tree as YAML in one of many spellings: block or flow, plain or quoted or block scalars, camelCase or
//! snake_case field names. The spelling follows from a seed; the meaning is always that of the tree.

use std::fmt::Write;

use serde_json::{Map, Value as Json};

use super::rng::Rng;

/// Field names whose snake_case form is used now and then, and whose members are fields too.
const FIELDS: &[(&str, &str)] = &[
    ("resourcePolicy", "resource_policy"),
    ("principalPolicy", "principal_policy"),
    ("rolePolicy", "role_policy"),
    ("derivedRoles", "derived_roles"),
    ("importDerivedRoles", "import_derived_roles"),
    ("parentRoles", "parent_roles"),
    ("allowActions", "allow_actions"),
    ("ruleActivated", "rule_activated"),
    ("conditionNotMet", "condition_not_met"),
    ("scopePermissions", "scope_permissions"),
    ("exportVariables", "export_variables"),
];
/// Mappings whose keys are names chosen by people.
const FREE: &[&str] = &["local", "definitions", "annotations"];

struct Yaml {
    out: String,
    rng: Rng,
    snake: bool,
    flow: u64,
    plain: u64,
    block: bool,
}

/// The tree as YAML text.
pub fn write(tree: &Json, seed: u64) -> String {
    let mut rng = Rng::new(seed);
    let (snake, flow, plain) = (rng.chance(8), rng.next() % 30, rng.next() % 100);
    let mut yaml = Yaml { out: String::new(), rng, snake, flow, plain, block: true };
    if yaml.rng.chance(20) {
        yaml.out.push_str("# a comment\n---\n");
    }
    match tree {
        Json::Object(map) => yaml.mapping(map, 0, true),
        other => yaml.out.push_str(&other.to_string()),
    }
    yaml.out
}

impl Yaml {
    fn key(&self, name: &str, fields: bool) -> String {
        if fields
            && self.snake
            && let Some((_, snake)) = FIELDS.iter().find(|(camel, _)| *camel == name)
        {
            return (*snake).to_owned();
        }
        if plain(name) { name.to_owned() } else { Json::from(name).to_string() }
    }

    fn mapping(&mut self, map: &Map<String, Json>, indent: usize, fields: bool) {
        for (i, (name, value)) in map.iter().enumerate() {
            if i > 0 {
                let _ = write!(self.out, "{:indent$}", "");
            }
            let key = self.key(name, fields);
            self.out.push_str(&key);
            self.out.push(':');
            let fields = fields && !(FREE.contains(&name.as_str()) && value.is_object());
            // The reference reads no enum from a block scalar.
            let style = self.block;
            self.block = style && !matches!(name.as_str(), "effect" | "scopePermissions");
            self.value(value, indent, fields, false);
            self.block = style;
        }
    }

    /// A value after `key:` or `-`.
    fn value(&mut self, value: &Json, indent: usize, fields: bool, item: bool) {
        match value {
            Json::Object(map) if !map.is_empty() && !self.rng.chance(self.flow) => {
                if item {
                    self.out.push(' ');
                } else {
                    let _ = write!(self.out, "\n{:1$}", "", indent + 2);
                }
                self.mapping(map, indent + 2, fields);
            }
            Json::Array(list) if !list.is_empty() && !self.rng.chance(self.flow + 20) => {
                for (i, element) in list.iter().enumerate() {
                    if item && i == 0 {
                        self.out.push_str(" -");
                    } else {
                        if i == 0 {
                            self.out.push('\n');
                        }
                        let _ = write!(self.out, "{:1$}-", "", indent + 2);
                    }
                    self.value(element, indent + 2, fields, true);
                }
            }
            Json::Object(_) | Json::Array(_) => {
                let _ = writeln!(self.out, " {}", self.flow_text(value, fields));
            }
            Json::String(text) => self.scalar(text, indent),
            other => {
                let _ = writeln!(self.out, " {other}");
            }
        }
    }

    fn flow_text(&self, value: &Json, fields: bool) -> String {
        match value {
            Json::Object(map) => {
                let items: Vec<String> = map
                    .iter()
                    .map(|(k, v)| {
                        let inner = fields && !(FREE.contains(&k.as_str()) && v.is_object());
                        format!("{}: {}", self.key(k, fields), self.flow_text(v, inner))
                    })
                    .collect();
                format!("{{{}}}", items.join(", "))
            }
            Json::Array(list) => {
                let items: Vec<String> = list.iter().map(|v| self.flow_text(v, fields)).collect();
                format!("[{}]", items.join(", "))
            }
            other => other.to_string(),
        }
    }

    fn scalar(&mut self, text: &str, indent: usize) {
        let printable = !text.is_empty() && !text.chars().any(char::is_control) && text.trim() == text;
        if printable && plain(text) && self.rng.chance(self.plain) {
            let _ = writeln!(self.out, " {text}");
        } else if printable && self.block && self.rng.chance(12) {
            let mark = self.rng.word(&["|-", ">-"]);
            let _ = writeln!(self.out, " {mark}\n{}{text}", " ".repeat(indent + 4));
        } else if printable && self.rng.chance(30) {
            let _ = writeln!(self.out, " '{}'", text.replace('\'', "''"));
        } else {
            let _ = writeln!(self.out, " {}", Json::from(text));
        }
    }
}

/// May this stand without quotes?
fn plain(text: &str) -> bool {
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    word && !matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    )
}
