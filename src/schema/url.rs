//! Which texts are URLs for the reference, whose parser is more lenient than the standards.

use super::formats::ipv6;

/// A URL with a scheme.
pub(super) fn is_absolute(text: &str) -> bool {
    parse(text).is_some_and(|url| url.scheme)
}

/// Any URL, without backslashes.
pub(super) fn is_reference(text: &str) -> bool {
    parse(text).is_some() && !text.contains('\\')
}

/// A URL in whose path braces come in pairs that do not nest.
pub(super) fn is_template(text: &str) -> bool {
    let Some(url) = parse(text) else { return false };
    url.path.split('/').all(|segment| {
        let mut depth = 0_i32;
        let in_order = segment.chars().all(|c| match c {
            '{' => {
                depth += 1;
                depth == 1
            }
            '}' => {
                depth -= 1;
                depth == 0
            }
            _ => true,
        });
        in_order && depth == 0
    })
}

struct Url<'a> {
    scheme: bool,
    path: &'a str,
}

fn parse(text: &str) -> Option<Url<'_>> {
    if text.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return None;
    }
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    if !escapes_are_whole(fragment) {
        return None;
    }
    let (scheme, text) = split_scheme(text)?;
    let text = text.split_once('?').map_or(text, |(path, _)| path);
    if !text.starts_with('/') {
        if scheme {
            return Some(Url { scheme, path: "" });
        }
        if text.split('/').next().is_some_and(|first| first.contains(':')) {
            return None;
        }
    }
    let path = match text.strip_prefix("//") {
        Some(rest) if scheme || !rest.starts_with('/') => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at_checked(end)?;
            if !is_authority(authority) {
                return None;
            }
            path
        }
        _ => text,
    };
    escapes_are_whole(path).then_some(Url { scheme, path })
}

/// Whether there is a scheme, and what follows it; nothing if the text starts with a colon.
fn split_scheme(text: &str) -> Option<(bool, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    match text.split_once(':') {
        Some(("", _)) => None,
        Some((scheme, rest))
            if scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_part) =>
        {
            Some((true, rest))
        }
        _ => Some((false, text)),
    }
}

fn is_authority(text: &str) -> bool {
    let (user, host) = text.rsplit_once('@').unwrap_or(("", text));
    let in_user = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !user.chars().all(in_user) || !escapes_are_whole(user) {
        return false;
    }
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    if let Some(bracketed) = host.strip_prefix('[') {
        let Some((address, after)) = bracketed.rsplit_once(']') else { return false };
        let address = address.split_once("%25").map_or(address, |(address, _)| address);
        return ipv6(address) && (after.is_empty() || after.strip_prefix(':').is_some_and(is_port));
    }
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let in_host = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || "-._~!$&'()*+,;=[]<>\"%".contains(c);
    is_port(port) && name.chars().all(in_host) && escapes_are_whole(name)
}

/// Every `%` is followed by two hexadecimal digits.
fn escapes_are_whole(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let mut bytes = after.bytes();
        let mut is_hex = || bytes.next().is_some_and(|b| b.is_ascii_hexdigit());
        is_hex() && is_hex()
    })
}
