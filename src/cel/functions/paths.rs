//! File paths as text, Unix and Windows: `basePath`, `dirPath`, `extPath`, `joinPath`, `relPath`, `volumeName`,
//! `pathHasPrefix`, `pathMatch`, `pathMatchAnyOf`. Nothing here touches a file.
//!
//! A path is brought into one form (slashes, drive as first segment), cleaned, worked on, and written back in its own
//! style.

use super::super::context::Context;
use super::super::error::{Eval, EvalError, Fault};
use super::super::value::Value;
use super::{Function, global, member, native};

mod glob;

pub(super) const TABLE: &[Function] = &[
    global("basePath", 1, base_path),
    global("dirPath", 1, dir_path),
    global("extPath", 1, ext_path),
    global("joinPath", 1, join_path),
    global("relPath", 2, rel_path),
    global("volumeName", 1, volume_name),
    global("pathHasPrefix", 2, has_prefix),
    member("pathHasPrefix", 2, has_prefix),
    global("pathMatch", 2, path_match),
    member("pathMatch", 2, path_match),
    global("pathMatchAnyOf", 2, path_match_any),
    member("pathMatchAnyOf", 2, path_match_any),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `/a/b`
    Unix,
    /// `a\b`
    Windows,
    /// `C:\a`
    Drive,
    /// `\\host\share\a`
    Unc,
}

struct Path {
    style: Style,
    /// Slashes only, cleaned; a drive is the first segment of an absolute path.
    clean: String,
}

/// A drive path that Windows reads against the current directory can't be told from a file name with a colon.
const UNSUPPORTED: &str = "unsupported Win32 path";

impl Path {
    fn encode(text: &str) -> Result<Self, &'static str> {
        let drive = has_drive(text);
        if drive && text.len() > 2 && !text.contains('\\') {
            return Err(UNSUPPORTED);
        }
        let slashes = || text.replace('\\', "/");
        let (style, path) = if drive {
            (Style::Drive, format!("/{}", slashes()))
        } else if text.starts_with("\\\\") {
            (Style::Unc, slashes())
        } else if text.contains('\\') {
            (Style::Windows, slashes())
        } else {
            (Style::Unix, text.to_owned())
        };
        Ok(Self { style, clean: clean(&path) })
    }

    fn decode(style: Style, path: &str) -> String {
        match style {
            Style::Unix => path.to_owned(),
            Style::Windows => path.replace('/', "\\"),
            Style::Drive => path.strip_prefix('/').unwrap_or(path).replace('/', "\\"),
            Style::Unc => format!("\\{}", path.replace('/', "\\")),
        }
    }
}

fn has_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// `C:` or `\\host\share`
fn volume(text: &str) -> &str {
    if has_drive(text) {
        return text.get(..2).unwrap_or("");
    }
    let Some(rest) = text.strip_prefix("\\\\") else { return "" };
    match rest.split_once('\\') {
        Some((host, after)) if !host.is_empty() => {
            let share = after.split('\\').next().unwrap_or("");
            if share.is_empty() { "" } else { text.get(..2 + host.len() + 1 + share.len()).unwrap_or("") }
        }
        _ => "",
    }
}

/// The shortest path with the same meaning, by its text alone.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut out: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => match out.last() {
                Some(&"..") | None if !rooted => out.push(".."),
                None => {}
                Some(_) => {
                    out.pop();
                }
            },
            other => out.push(other),
        }
    }
    let joined = out.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// What follows the last slash of a cleaned path.
fn base(clean: &str) -> &str {
    if clean == "/" { clean } else { clean.rsplit('/').next().unwrap_or(clean) }
}

fn extension(clean: &str) -> &str {
    let name = clean.rsplit('/').next().unwrap_or(clean);
    name.rfind('.').and_then(|dot| name.get(dot..)).unwrap_or("")
}

/// Charges for a path; all functions are linear in it.
fn charged<'a>(cx: &Context<'a>, path: &str) -> Result<(), EvalError<'a>> {
    cx.charge(path.len() / 2 + 1)
}

fn encoded<'a>(cx: &Context<'a>, what: &str, text: &str) -> Result<Path, EvalError<'a>> {
    charged(cx, text)?;
    Path::encode(text).map_err(|why| cx.error(format_args!("failed to encode {what} {text}: {why}")))
}

fn base_path<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(text)] = *args else { return Err(EvalError::MISMATCH) };
    cx.string(base(&encoded(cx, "path", text)?.clean))
}

fn ext_path<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(text)] = *args else { return Err(EvalError::MISMATCH) };
    cx.string(extension(&encoded(cx, "path", text)?.clean))
}

fn dir_path<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(text)] = *args else { return Err(EvalError::MISMATCH) };
    let path = encoded(cx, "path", text)?;
    let parent = path.clean.rfind('/').map(|slash| path.clean.get(..slash).unwrap_or(""));
    match (path.style, parent) {
        (Style::Unix, None) => Ok(Value::String(".")),
        (Style::Unix, Some("")) => Ok(Value::String("/")),
        (Style::Drive, _) if text.len() == 2 || (text.len() == 3 && text.ends_with('\\')) => {
            cx.string(format_args!("{}\\", text.get(..2).unwrap_or("")))
        }
        // `\\host\share` is a root of its own
        (Style::Unc, _) if text.matches('\\').count() == 3 => cx.string(Path::decode(path.style, &path.clean)),
        (style, Some(parent)) => cx.string(Path::decode(style, parent)),
        (_, None) => Err(EvalError(&Fault::Static("internal error: runtime error: slice bounds out of range [:-1]"))),
    }
}

fn volume_name<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(text)] = *args else { return Err(EvalError::MISMATCH) };
    Ok(Value::String(volume(text)))
}

fn join_path<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::List(list)] = *args else { return Err(EvalError::MISMATCH) };
    let parts = native::strings(list, cx)?;
    let (first, rest) = match parts {
        [] => return Ok(Value::String("")),
        [only] => return Ok(Value::String(only)),
        [first, rest @ ..] => (first, rest),
    };
    let start = encoded(cx, "first path", first)?;
    // an empty first element contributes nothing, not even the current directory
    let mut joined = if first.is_empty() { String::new() } else { start.clean };
    for part in rest {
        let path = encoded(cx, "path", part)?;
        if !joined.is_empty() {
            joined.push('/');
        }
        joined.push_str(&path.clean);
        cx.charge(part.len())?;
    }
    cx.string(Path::decode(start.style, &clean(&joined)))
}

/// The path from `base` to `target`, in the style of `target`.
fn relative<'a>(cx: &Context<'a>, base: &str, target: &str) -> Result<String, EvalError<'a>> {
    let from = encoded(cx, "base path", base)?;
    let to = encoded(cx, "target path", target)?;
    let fail = || {
        let (to, from) = (&to.clean, &from.clean);
        cx.error(format_args!("failed to determine relative path of {target}: Rel: can't make {to} relative to {from}"))
    };
    if from.clean.starts_with('/') != to.clean.starts_with('/') {
        return Err(fail());
    }
    let segments = |path: &str| -> Vec<String> {
        path.split('/').filter(|s| !s.is_empty() && *s != ".").map(str::to_owned).collect()
    };
    let (up, down) = (segments(&from.clean), segments(&to.clean));
    let common = up.iter().zip(&down).take_while(|(a, b)| a == b).count();
    let climbed = up.get(common..).unwrap_or(&[]);
    if climbed.first().is_some_and(|s| s == "..") {
        return Err(fail());
    }
    let mut out: Vec<&str> = climbed.iter().map(|_| "..").collect();
    out.extend(down.get(common..).unwrap_or(&[]).iter().map(String::as_str));
    let path = if out.is_empty() { ".".to_owned() } else { out.join("/") };
    Ok(if to.style == Style::Unix { path } else { path.replace('/', "\\") })
}

fn rel_path<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(base), Value::String(target)] = *args else { return Err(EvalError::MISMATCH) };
    cx.string(relative(cx, base, target)?)
}

/// True if `path` lies below `prefix`. A relative path that starts with a dot, even a hidden file, does not count.
fn has_prefix<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(path), Value::String(prefix)] = *args else { return Err(EvalError::MISMATCH) };
    if path == prefix {
        return Ok(Value::Bool(true));
    }
    let relative = relative(cx, prefix, path)?;
    Ok(Value::Bool(!relative.is_empty() && !relative.starts_with(['.', '/'])))
}

fn path_match<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(path), Value::String(pattern)] = *args else { return Err(EvalError::MISMATCH) };
    let encoded_path = encoded(cx, "path", path)?;
    matches_one(cx, path, &encoded_path.clean, pattern).map(Value::Bool)
}

fn path_match_any<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(path), Value::List(patterns)] = *args else { return Err(EvalError::MISMATCH) };
    let patterns = native::strings(patterns, cx)?;
    let encoded_path = encoded(cx, "path", path)?;
    for pattern in patterns {
        if matches_one(cx, path, &encoded_path.clean, pattern)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn matches_one<'a>(cx: &Context<'a>, path: &str, clean: &str, pattern: &str) -> Result<bool, EvalError<'a>> {
    let encoded_pattern = encoded(cx, "pattern", pattern)?;
    // the worst case compares every character with every element of the pattern
    cx.charge((clean.len() / 8 + 1).saturating_mul(pattern.len() / 8 + 1))?;
    glob::matches(&encoded_pattern.clean, clean).ok_or_else(|| {
        use super::super::number::Quoted;
        let (pattern, path) = (Quoted(pattern), Quoted(path));
        cx.error(format_args!("failed to match pattern {pattern} on path {path}: syntax error in pattern"))
    })
}
