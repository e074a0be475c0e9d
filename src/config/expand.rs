//! Environment variables in values: `${VAR}`, `${VAR:default}`, and `$$` for a dollar sign.

/// Where variables come from; a function, so that tests need not touch the process.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Expands the variables in `text`. `None` if there are none to expand.
///
/// # Errors
/// The name of a variable that is not set and has no default, or what is wrong with the notation.
pub fn expand(text: &str, environment: Environment<'_>) -> Result<Option<String>, String> {
    if !text.contains('$') {
        return Ok(None);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some(tail) = after.strip_prefix('{') {
            let (reference, tail) = tail.split_once('}').ok_or("`${` without a closing `}`")?;
            out.push_str(&look_up(reference, environment)?);
            rest = tail;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}

fn look_up(reference: &str, environment: Environment<'_>) -> Result<String, String> {
    let (name, default) = match reference.split_once(':') {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    if name.is_empty() {
        return Err(format!("`${{{reference}}}` names no variable"));
    }
    // `${VAR:""}` is how an empty default is written.
    let default = default.map(|d| if d == "\"\"" || d == "''" { "" } else { d });
    environment(name)
        .or_else(|| default.map(str::to_owned))
        .ok_or_else(|| format!("environment variable `{name}` is not set and has no default"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_expanded() {
        let environment = |name: &str| (name == "A").then(|| "x".to_owned());
        let cases = [
            ("plain", Ok(None)),
            ("${A}", Ok(Some("x"))),
            ("a${A}b${A:z}c", Ok(Some("axbxc"))),
            ("${B:z}", Ok(Some("z"))),
            ("${B:z:y}", Ok(Some("z:y"))),
            ("${B:\"\"}", Ok(Some(""))),
            ("${B:}", Ok(Some(""))),
            ("$${A}", Ok(Some("${A}"))),
            ("5$", Ok(Some("5$"))),
            ("$A", Ok(Some("$A"))),
            ("${B}", Err("environment variable `B` is not set and has no default")),
            ("${A", Err("`${` without a closing `}`")),
            ("${}", Err("`${}` names no variable")),
        ];
        for (text, expected) in cases {
            let seen = expand(text, &environment);
            assert_eq!(seen.as_ref().map(|o| o.as_deref()).map_err(String::as_str), expected, "{text}");
        }
    }

    #[test]
    fn a_value_is_not_expanded_again() {
        let environment = |_: &str| Some("${A}".to_owned());
        assert_eq!(expand("${A}", &environment).unwrap().unwrap(), "${A}");
    }
}
