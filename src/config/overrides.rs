//! `--set a.b=c`: settings from the command line, laid over the file. The notation is the reference's as far as this
//! configuration can use it: commas separate settings, `\` escapes, `{a,b}` is a list; list indexes are refused.

use super::tree::{Entry, Item, Scalar, Tree, retype};
use crate::source::{Diagnostic, SourceFile, Span};

/// Reads one `--set` argument.
pub(super) fn parse(argument: &str) -> Result<Tree, Box<Diagnostic>> {
    let file = SourceFile::new("--set", argument);
    let fault = |message: String| {
        Box::new(Diagnostic::error("TG0905", &file, Span::new(0, argument.len()), message).with_help("--set a.b=value"))
    };
    let mut tree = Tree { file: file.clone(), ..Tree::empty() };
    for (start, setting) in split(argument, ',') {
        let Some((key, value)) = setting.split_once('=') else {
            return Err(fault(format!("`{setting}` has no `=`")));
        };
        let span = Span::new(start, start + setting.len());
        if key.contains(['[', ']']) {
            return Err(fault(format!("`{key}`: list indexes are not supported, write a list as `{{a,b}}`")));
        }
        let mut value = Tree { item: item(value, &file, span), file: file.clone(), span };
        let path: Vec<String> = split(key, '.').map(|(_, part)| unescape(part)).collect();
        if path.iter().any(String::is_empty) {
            return Err(fault(format!("`{key}` has an empty part")));
        }
        for key in path.into_iter().rev() {
            let entry = Entry { key, key_span: span, value };
            value = Tree { item: Item::Map(vec![entry]), file: file.clone(), span };
        }
        tree.merge(value);
    }
    Ok(tree)
}

fn item(text: &str, file: &SourceFile, span: Span) -> Item {
    if let Some(list) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
        let element = |text: &str| Tree { item: leaf(text), file: file.clone(), span };
        return Item::List(split(list, ',').filter(|(_, t)| !t.is_empty()).map(|(_, t)| element(t)).collect());
    }
    leaf(text)
}

fn leaf(text: &str) -> Item {
    match retype(text) {
        // `--set a=` is an empty text, not nothing.
        None if text.is_empty() => Item::Scalar(String::new(), Scalar::Text),
        None => Item::Null,
        Some(kind) => Item::Scalar(unescape(text), kind),
    }
}

/// Splits at a separator that is neither escaped nor within braces; gives each part with its offset.
fn split(text: &str, separator: char) -> impl Iterator<Item = (usize, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut escaped, mut depth) = (0, false, 0_u32);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            _ if c == separator && depth == 0 => {
                parts.push((start, text.get(start..i).unwrap_or("")));
                start = i + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push((start, text.get(start..).unwrap_or("")));
    parts.into_iter()
}

fn unescape(text: &str) -> String {
    let mut escaped = false;
    text.chars()
        .filter(|c| {
            let drop = *c == '\\' && !escaped;
            escaped = drop;
            !drop
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(tree: &Tree) -> String {
        match &tree.item {
            Item::Null => "null".into(),
            Item::Scalar(text, Scalar::Text) => format!("{text:?}"),
            Item::Scalar(_, kind) => format!("{kind:?}"),
            Item::List(all) => format!("[{}]", all.iter().map(show).collect::<Vec<_>>().join(",")),
            Item::Map(all) => {
                let entries: Vec<String> = all.iter().map(|e| format!("{}:{}", e.key, show(&e.value))).collect();
                format!("{{{}}}", entries.join(","))
            }
        }
    }

    #[test]
    fn settings_are_read() {
        let cases = [
            ("a=1", "{a:Int(1)}"),
            ("a.b=true,a.c=x", "{a:{b:Bool(true),c:\"x\"}}"),
            ("a=", "{a:\"\"}"),
            ("a=null", "{a:null}"),
            ("a={x,2}", "{a:[\"x\",Int(2)]}"),
            (r"a\.b=x\,y", "{a.b:\"x,y\"}"),
            ("a=b=c", "{a:\"b=c\"}"),
            ("a=1,a=2", "{a:Int(2)}"),
            ("a=1.5", "{a:Float(1.5)}"),
            ("a=2s", "{a:\"2s\"}"),
            ("a=:3592", "{a:\":3592\"}"),
        ];
        for (text, expected) in cases {
            assert_eq!(show(&parse(text).unwrap()), expected, "{text}");
        }
        for text in ["a", "", "=1", "a..b=1", "a[0]=1", "a=1,"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
